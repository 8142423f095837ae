"""Declared streams and consumers are created once; a difference to what exists is named, never repaired silently."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from nats.aio.client import Client

from bridge.errors import StreamMismatchError
from bridge.ingress_route import declared_consumers
from bridge.jetstream import JetStreamError, api
from bridge.streams import ensure_consumer, ensure_stream
from config import streams
from config.settings import Settings
from domain.translate.outbound import NEIGHBOURS
from ops.installation import routes_of


@pytest.fixture
async def declared(nc: Client, unique: str) -> AsyncIterator[dict[str, Any]]:
    """A declaration under a name of its own; what it created is deleted at the end."""
    yield {"name": unique, "subjects": [f"{unique}.>"], "storage": "file", "max_age": 0, "allow_direct": True}
    try:
        await api(nc, f"STREAM.DELETE.{unique}")
    except JetStreamError as error:
        assert error.description == "stream not found"  # noqa: PT017


async def test_a_missing_stream_is_created_as_declared(nc: Client, declared: dict[str, Any]) -> None:
    await ensure_stream(nc, declared)

    found = (await api(nc, f"STREAM.INFO.{declared['name']}"))["config"]
    assert {name: found.get(name, 0) for name in declared} == declared


async def test_an_equal_stream_is_left_alone(nc: Client, declared: dict[str, Any]) -> None:
    await ensure_stream(nc, declared)
    await nc.request(f"{declared['name']}.kept", b"kept")

    await ensure_stream(nc, declared)

    assert (await api(nc, f"STREAM.INFO.{declared['name']}"))["state"]["messages"] == 1


async def test_each_difference_of_a_stream_is_named_with_both_values(nc: Client, declared: dict[str, Any]) -> None:
    await ensure_stream(nc, declared)

    with pytest.raises(StreamMismatchError) as mismatch:
        await ensure_stream(nc, {**declared, "max_age": 10**9, "allow_direct": False, "deny_purge": True})

    assert str(mismatch.value).startswith(f"stream {declared['name']} exists with another configuration: ")
    for difference in (
        "max_age is 0, declared 1000000000",
        "allow_direct is True, declared False",
        "deny_purge is False, declared True",
    ):
        assert difference in str(mismatch.value)
    assert "config/streams.py" in str(mismatch.value)


async def test_a_difference_inside_a_setting_is_named_by_its_path(nc: Client, declared: dict[str, Any]) -> None:
    name = declared["name"]
    await ensure_stream(nc, {**declared, "republish": {"src": f"{name}.>", "dest": f"seen.{name}.>"}})

    with pytest.raises(
        StreamMismatchError, match=rf"republish\.dest is 'seen\.{name}\.>', declared 'other\.{name}\.>'"
    ):
        await ensure_stream(nc, {**declared, "republish": {"src": f"{name}.>", "dest": f"other.{name}.>"}})


async def test_settings_that_are_not_declared_belong_to_the_operator(nc: Client, declared: dict[str, Any]) -> None:
    await ensure_stream(nc, {**declared, "description": "set by hand", "max_msg_size": 1000})

    await ensure_stream(nc, declared)


async def test_a_stream_that_the_server_refuses_is_one_clear_error(nc: Client, declared: dict[str, Any]) -> None:
    await ensure_stream(nc, declared)

    with pytest.raises(StreamMismatchError, match="could not be created: subjects overlap"):
        await ensure_stream(nc, {**declared, "name": f"{declared['name']}2"})


async def test_a_consumer_is_created_once_and_each_difference_named(nc: Client, declared: dict[str, Any]) -> None:
    await ensure_stream(nc, declared)
    name = declared["name"]
    consumer = {"durable_name": "reader", "ack_policy": "all", "filter_subject": f"{name}.a", "max_deliver": -1}

    await ensure_consumer(nc, name, consumer)
    await ensure_consumer(nc, name, consumer)

    with pytest.raises(StreamMismatchError) as mismatch:
        await ensure_consumer(nc, name, {**consumer, "ack_policy": "explicit", "filter_subject": f"{name}.b"})
    assert f"consumer reader of {name}" in str(mismatch.value)
    assert "ack_policy is 'all', declared 'explicit'" in str(mismatch.value)
    assert f"filter_subject is '{name}.a', declared '{name}.b'" in str(mismatch.value)


@pytest.mark.parametrize("partitions", [1, 8])
async def test_what_the_application_declares_can_be_declared_again(nc: Client, partitions: int, unique: str) -> None:
    for declaration in _renamed(partitions, unique):
        await ensure_stream(nc, declaration)
        try:
            await ensure_stream(nc, declaration)
            for stream, consumer in declared_consumers(routes_of(Settings(partitions=partitions)), partitions):
                if declaration["name"] == f"{unique}_{stream}":
                    renamed = {**consumer}
                    if "filter_subject" in consumer:
                        renamed["filter_subject"] = f"{unique}.{consumer['filter_subject']}"
                    await ensure_consumer(nc, declaration["name"], renamed)
                    await ensure_consumer(nc, declaration["name"], renamed)
        finally:
            await api(nc, f"STREAM.DELETE.{declaration['name']}")


def _renamed(partitions: int, unique: str) -> list[dict[str, Any]]:
    """The application's streams under other names and subjects."""
    families = "|".join(["person", *NEIGHBOURS])

    def moved(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: moved(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [moved(inner) for inner in value]
        return re.sub(rf"^({families})\.", rf"{unique}.\1.", value) if isinstance(value, str) else value

    return [{**moved(one), "name": f"{unique}_{one['name']}"} for one in streams.streams(partitions, 1)]
