"""Lanes override inner parts of Faust and aiokafka. When the source of one changes, its override must be read again before this passes."""

from __future__ import annotations

import hashlib
import inspect
from importlib.metadata import version
from typing import Any

import aiokafka
import pytest
from aiokafka import AIOKafkaConsumer
from faust.agents import Agent
from faust.app.base import App
from faust.stores.rocksdb import Store
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer

from lanes.agent import LaneExecutedAgent
from lanes.app import LaneApp
from lanes.consumer import LaneConsumer, LaneConsumerThread
from lanes.table import OFFSET_KEY

PINNED = [
    (
        Consumer.getmany,
        "",
        "LaneConsumer.getmany: what it does before it yields (flow, generation, active partitions) is repeated there",
    ),
    (
        Consumer._wait_next_records,
        "",
        "LaneConsumer.getmany calls it: it must still return the fetch, or None, and the active partitions",
    ),
    (
        Consumer.wait_empty,
        "",
        "LaneConsumer.wait_empty stops lanes before it: it must still end with a commit and be called before a revocation",
    ),
    (
        Consumer._filter_tps_with_pending_acks,
        "",
        "LaneConsumer adds the lanes' partitions: it must still feed the commit",
    ),
    (
        Consumer._new_offset,
        "",
        "LaneConsumer answers with the lane's committable offset: the result must still be the offset to commit, or None",
    ),
    (
        Consumer.verify_event_path,
        "",
        "LaneConsumer leaves lane topics out of the livelock check: it must still be one call for each partition",
    ),
    (
        Consumer.on_buffer_full,
        "",
        "LaneConsumer.getmany pauses a partition by it",
    ),
    (
        Consumer.on_buffer_drop,
        "",
        "LaneApp resumes a drained partition by it",
    ),
    (
        Consumer.perform_seek,
        "",
        "LaneConsumer.getmany returns to the committed offsets by it after a fetch that a rebalance overtook",
    ),
    (
        AIOKafkaConsumerThread._create_worker_consumer,
        "",
        "LaneConsumerThread changes the long poll of what it returns: does a setting for fetch_max_wait_ms exist now?",
    ),
    (
        AIOKafkaConsumer.start,
        "",
        "LaneConsumerThread sets _fetch_max_wait_ms and _fetch_min_bytes, which must be read when the consumer starts",
    ),
    (
        App._new_transport,
        "",
        "LaneApp._new_transport makes a LaneTransport: its arguments must be the same",
    ),
    (
        Agent.on_start,
        "",
        "LaneExecutedAgent.on_start subscribes the topic instead of starting actors",
    ),
    (
        Agent.on_stop,
        "",
        "LaneExecutedAgent.on_stop has no actors to stop",
    ),
    (
        Store._db_for_partition,
        "",
        "LaneTable.database opens a partition by it",
    ),
    (
        Store.set_persisted_offset,
        "",
        "group_commit writes the offset key in this format",
    ),
]

OVERRIDES = [
    (LaneConsumer, "getmany"),
    (LaneConsumer, "wait_empty"),
    (LaneConsumer, "_filter_tps_with_pending_acks"),
    (LaneConsumer, "_new_offset"),
    (LaneConsumer, "verify_event_path"),
    (LaneConsumer, "_new_consumer_thread"),
    (LaneConsumerThread, "_create_worker_consumer"),
    (LaneApp, "_new_transport"),
    (LaneExecutedAgent, "on_start"),
    (LaneExecutedAgent, "on_stop"),
]


def test_the_versions_are_those_that_lanes_were_written_for() -> None:
    assert version("faust-streaming") == "0.15.3"
    assert version("aiokafka") == aiokafka.__version__ == "0.14.0"


@pytest.mark.parametrize(("overridden", "pinned", "check"), PINNED, ids=lambda value: getattr(value, "__qualname__", ""))
def test_the_source_that_lanes_rely_on_is_the_pinned_one(overridden: Any, pinned: str, check: str) -> None:
    found = hashlib.sha256(inspect.getsource(overridden).encode()).hexdigest()

    assert found == pinned, f"{overridden.__module__}.{overridden.__qualname__} changed. Check: {check}. Then pin {found}"


@pytest.mark.parametrize(("ours", "name"), OVERRIDES, ids=lambda value: getattr(value, "__name__", value))
def test_an_override_still_overrides_something(ours: type[Any], name: str) -> None:
    assert name in vars(ours)
    assert any(name in vars(base) for base in ours.__mro__[1:]), f"{ours.__name__}.{name} overrides nothing any more"


def test_the_offset_key_is_that_of_the_store() -> None:
    assert Store.offset_key == OFFSET_KEY


@pytest.mark.parametrize("setting", ["fetch_max_wait_ms", "fetch_min_bytes"])
async def test_a_starting_consumer_reads_what_lanes_have_set(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    class Started(Exception):  # noqa: N818  # no error, the end of what is tested
        pass

    def fetcher(*_: Any, **settings: Any) -> None:
        given.update(settings)
        raise Started

    async def nothing(*_: Any) -> None:
        pass

    monkeypatch.setattr("aiokafka.consumer.consumer.Fetcher", fetcher)
    consumer = AIOKafkaConsumer(bootstrap_servers="127.0.0.1:1")
    monkeypatch.setattr(consumer._client, "bootstrap", nothing)
    monkeypatch.setattr(consumer, "_wait_topics", nothing)
    setattr(consumer, f"_{setting}", 77)

    with pytest.raises(Started):
        await consumer.start()

    assert given[setting] == 77
