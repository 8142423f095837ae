"""A scan gives every message that is there from its begin to its end, in order, and takes nothing for removed that was only lost on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest
from nats.aio.client import Client

import bridge.scan
from bridge.errors import BridgeError
from bridge.jetstream import Delivery, api
from bridge.scan import count_messages, scan

if TYPE_CHECKING:
    from tests.bridge.conftest import MakeStream


@pytest.fixture
async def stream(nc: Client, make_stream: MakeStream) -> str:
    """Ten messages; the even ones are Ada's, every fifth is Carla's."""
    stream = await make_stream()
    for number in range(1, 11):
        name = "carla" if number % 5 == 0 else "ada" if number % 2 == 0 else "grace"
        await nc.request(f"{stream}.{name}", str(number).encode())
    return stream


async def scanned(nc: Client, stream: str, *names: str, **bounds: Any) -> list[int]:
    filters = [f"{stream}.{name}" for name in names]
    return [one.stream_sequence async for some in scan(nc, stream, filters, **bounds) for one in some]


async def consumers(nc: Client, stream: str) -> int:
    count: int = (await api(nc, f"STREAM.INFO.{stream}"))["state"]["consumer_count"]
    return count


async def test_messages_under_any_filter_come_in_order_up_to_the_bound(nc: Client, stream: str) -> None:
    assert await scanned(nc, stream) == list(range(1, 11))
    assert await scanned(nc, stream, "ada", "carla") == [2, 4, 5, 6, 8, 10]
    assert await scanned(nc, stream, "ada", "carla", last=7) == [2, 4, 5, 6]
    assert await scanned(nc, stream, "ada", last=0) == []
    assert await count_messages(nc, stream, [f"{stream}.ada", f"{stream}.carla"]) == 6
    assert await consumers(nc, stream) == 0


async def test_what_is_appended_meanwhile_is_left_and_who_leaves_early_leaves_nothing_behind(
    nc: Client, stream: str
) -> None:
    found: list[int] = []
    async with aclosing(scan(nc, stream)) as chunks:
        async for some in chunks:
            found += [one.stream_sequence for one in some]
            await nc.request(f"{stream}.ada", b"later")
    assert found == list(range(1, 11))

    async with aclosing(scan(nc, stream)) as chunks:
        await anext(chunks)
    assert await consumers(nc, stream) == 0


async def test_a_stream_that_does_not_exist_holds_nothing(nc: Client) -> None:
    assert await scanned(nc, "NO_SUCH_STREAM") == []


@pytest.mark.parametrize(("not_taken", "ends"), [(0, True), (3, False)], ids=["removed", "lost"])
async def test_messages_that_do_not_come_any_more_were_removed_or_it_is_an_error(
    monkeypatch: pytest.MonkeyPatch, not_taken: int, ends: bool
) -> None:
    async def told(_nc: Client, what: str, _body: Any = None) -> Mapping[str, Any]:
        if what.startswith("STREAM.INFO"):
            return {"state": {"last_seq": 3}}
        return {"num_pending": 3 if what.startswith("CONSUMER.CREATE") else 0, "num_ack_pending": not_taken}

    class SilentPull:
        def __init__(self, *_: Any, **__: Any) -> None:
            """Nothing comes from it."""

        async def start(self) -> None:
            """Nothing to begin."""

        async def stop(self) -> None:
            """Nothing to end."""

        async def next(self, _wait_s: float) -> list[Delivery]:
            await asyncio.sleep(0)
            return []

    monkeypatch.setattr(bridge.scan, "api", told)
    monkeypatch.setattr(bridge.scan, "OrderedPull", SilentPull)

    if ends:
        assert await scanned(Client(), "HELD") == []
    else:
        with pytest.raises(BridgeError, match="gave 0 of 3 messages"):
            await scanned(Client(), "HELD")


async def test_what_came_again_is_taken_so_that_removed_messages_do_not_end_in_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    not_taken = 0

    async def told(_nc: Client, what: str, _body: Any = None) -> Mapping[str, Any]:
        if what.startswith("STREAM.INFO"):
            return {"state": {"last_seq": 3}}
        return {"num_pending": 3 if what.startswith("CONSUMER.CREATE") else 0, "num_ack_pending": not_taken}

    class ResetPull:
        """Gives two messages, and both again behind a reset; the third one was removed."""

        def __init__(self, *_: Any, **__: Any) -> None:
            self._given = [[delivery(1), delivery(2)], [delivery(1), delivery(2)]]

        async def start(self) -> None:
            """Nothing to begin."""

        async def stop(self) -> None:
            """Nothing to end."""

        async def next(self, _wait_s: float) -> list[Delivery]:
            nonlocal not_taken
            await asyncio.sleep(0)
            given = self._given.pop(0) if self._given else []
            not_taken += len(given)
            return given

        async def acknowledge(self, taken: Delivery) -> None:
            nonlocal not_taken
            not_taken -= taken.consumer_sequence

    monkeypatch.setattr(bridge.scan, "api", told)
    monkeypatch.setattr(bridge.scan, "OrderedPull", ResetPull)

    assert await scanned(Client(), "HELD") == [1, 2]


def delivery(sequence: int) -> Delivery:
    return Delivery("held", b"", {}, sequence, sequence, 0, "ack")
