"""The conditional append: several entities in one atomic batch, each checked against what its decision was based on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from nats.aio.client import Client
from nats.errors import Error as NatsError

from bridge import read
from bridge.append import MAX_BATCH, EntityAppend, EventMessage, append, append_each
from bridge.errors import AppendRefusedError, BridgeError
from bridge.jetstream import api

if TYPE_CHECKING:
    from tests.bridge.conftest import MakeStream


@pytest.fixture
async def stream(make_stream: MakeStream) -> str:
    return await make_stream(allow_atomic=True, allow_direct=True, duplicate_window=120 * 10**9)


async def test_a_batch_stores_every_entity_and_tells_its_last_sequence(nc: Client, stream: str) -> None:
    ada, grace = _entity(stream, "ada", ["a1", "a2"]), _entity(stream, "grace", ["g1", "g2", "g3"])

    sequences = await append(nc, [ada, grace])

    assert sequences == [2, 5]
    assert await _stored(nc, stream) == [
        ("ada", "a1", 1),
        ("ada", "a2", 2),
        ("grace", "g1", 3),
        ("grace", "g2", 4),
        ("grace", "g3", 5),
    ]


async def test_a_single_message_is_a_batch_as_well(nc: Client, stream: str) -> None:
    assert await append(nc, [_entity(stream, "ada", ["a1"])]) == [1]
    assert await append(nc, [_entity(stream, "ada", ["a2"], expected=1)]) == [2]


async def test_the_check_covers_all_subjects_of_the_entity(nc: Client, stream: str) -> None:
    await append(nc, [_entity(stream, "ada", ["a1"], kind="created")])

    with pytest.raises(AppendRefusedError):
        await append(nc, [_entity(stream, "ada", ["again"], kind="renamed", expected=0)])

    assert await append(nc, [_entity(stream, "ada", ["a2"], kind="renamed", expected=1)]) == [2]


@pytest.mark.parametrize("stale_at", [0, 1, 2])
async def test_a_stale_expectation_refuses_the_whole_batch_and_stores_nothing(
    nc: Client, stream: str, stale_at: int
) -> None:
    await append(nc, [_entity(stream, "linus", ["l1"])])
    fresh = [_entity(stream, "ada", ["a1", "a2"]), _entity(stream, "grace", ["g1", "g2"])]
    stale = _entity(stream, "linus", ["l2", "l3"], expected=0)

    with pytest.raises(AppendRefusedError, match="wrong last sequence") as refused:
        await append(nc, [*fresh[:stale_at], stale, *fresh[stale_at:]])

    assert refused.value.code == 10071
    assert await _stored(nc, stream) == [("linus", "l1", 1)]


async def test_entity_by_entity_only_the_stale_one_is_refused(nc: Client, stream: str) -> None:
    await append(nc, [_entity(stream, "linus", ["l1"])])

    ada, linus, grace = await append_each(
        nc,
        [
            _entity(stream, "ada", ["a1", "a2"]),
            _entity(stream, "linus", ["l2"], expected=0),
            _entity(stream, "grace", ["g1"]),
        ],
    )

    assert (ada, grace) == (3, 4)
    assert isinstance(linus, AppendRefusedError)
    assert await _stored(nc, stream) == [("linus", "l1", 1), ("ada", "a1", 2), ("ada", "a2", 3), ("grace", "g1", 4)]


async def test_a_refused_entity_that_is_alone_is_not_tried_twice(nc: Client, stream: str) -> None:
    await append(nc, [_entity(stream, "ada", ["a1"])])

    [refused] = await append_each(nc, [_entity(stream, "ada", ["a2"], expected=0)])

    assert isinstance(refused, AppendRefusedError)
    assert len(await _stored(nc, stream)) == 1


async def test_more_messages_than_one_batch_holds_are_split_between_entities(nc: Client, stream: str) -> None:
    sizes = {"ada": 500, "grace": 400, "linus": 1}
    entities = [_entity(stream, name, [f"{name}{number}" for number in range(size)]) for name, size in sizes.items()]

    sequences = await append_each(nc, entities)

    assert sequences == [500, 900, 901]
    batches = [await _batch_of(nc, stream, sequence) for sequence in (1, 500, 900, 901)]
    assert batches[0] == batches[1] == batches[2] != batches[3]


async def test_a_batch_above_the_limit_is_a_defect_of_the_caller(nc: Client, stream: str) -> None:
    with pytest.raises(ValueError, match="901 messages exceed the 900"):
        await append(nc, [_entity(stream, "ada", [str(number) for number in range(MAX_BATCH + 1)])])

    assert await _stored(nc, stream) == []


async def test_a_message_id_that_was_seen_before_refuses_the_batch(nc: Client, stream: str) -> None:
    await append(nc, [_entity(stream, "ada", ["a1"])])

    with pytest.raises(AppendRefusedError, match="duplicate"):
        await append(nc, [_entity(stream, "grace", ["g1"]), _entity(stream, "ada", ["a1"], expected=1)])

    assert await _stored(nc, stream) == [("ada", "a1", 1)]


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "each alone"])
async def test_a_server_that_cannot_store_is_no_lost_race(nc: Client, make_stream: MakeStream, together: bool) -> None:
    stream = await make_stream(allow_atomic=True, duplicate_window=120 * 10**9, max_bytes=4000)
    await append(nc, [_entity(stream, "ada", ["x" * 1000])])
    entities = [_entity(stream, "grace", ["y" * 4000]), _entity(stream, "linus", ["l1"])]

    with pytest.raises(BridgeError, match="could not store") as failed:
        await (append(nc, entities) if together else append_each(nc, entities[:1]))

    assert not isinstance(failed.value, AppendRefusedError)
    assert [name for name, _, _ in await _stored(nc, stream)] == ["ada"]


async def test_a_sealed_stream_is_no_lost_race(nc: Client, make_stream: MakeStream) -> None:
    stream = await make_stream(allow_atomic=True, duplicate_window=120 * 10**9)
    config = (await api(nc, f"STREAM.INFO.{stream}"))["config"]
    await api(nc, f"STREAM.UPDATE.{stream}", {**config, "sealed": True})

    with pytest.raises((BridgeError, NatsError)) as failed:
        await append(nc, [_entity(stream, "ada", ["a1"])])

    assert not isinstance(failed.value, AppendRefusedError)


async def test_a_stream_that_is_gone_is_no_lost_race(nc: Client, unique: str) -> None:
    with pytest.raises(NatsError):
        await append(nc, [_entity(unique, "ada", ["a1", "a2"])])


async def test_nothing_to_append_needs_no_server(nc: Client) -> None:
    assert await append_each(nc, []) == []


def _entity(stream: str, name: str, texts: list[str], *, expected: int = 0, kind: str = "changed") -> EntityAppend:
    messages = [EventMessage(f"{stream}.{kind}.{name}", text.encode(), f"{name}-{text}") for text in texts]
    return EntityAppend(f"{stream}.*.{name}", expected, messages)


async def _stored(nc: Client, stream: str) -> list[tuple[str, str, int]]:
    return [
        (message.subject.split(".")[-1], message.data.decode(), message.stream_sequence)
        async for message in read.messages(nc, stream, f"{stream}.>")
    ]


async def _batch_of(nc: Client, stream: str, sequence: int) -> str:
    """The batch that a stored message came with."""
    reply = await nc.request(f"$JS.API.DIRECT.GET.{stream}", json.dumps({"seq": sequence}).encode())
    headers = reply.headers or {}
    return headers["Nats-Batch-Id"]
