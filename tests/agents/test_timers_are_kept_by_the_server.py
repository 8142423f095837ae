"""Timers of sagas on the real server: they become due once, setting replaces, cancelling removes, and times that are over are due at once."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from nats.aio.client import Client

from agents.timers import cancel_timer, due_subject, set_subject, set_timer
from bridge import read
from bridge.jetstream import Delivery, OrderedPull
from bridge.read import StoredMessage
from bridge.streams import ensure_consumer, ensure_stream
from config import streams

SOON = timedelta(milliseconds=400)
PATIENCE_S = 60.0
SERVER_ROUNDS_UP_TO = timedelta(seconds=1)
"""The server looks for due schedules in rounds; what is late by more would hold a saga up."""


@pytest.fixture
async def saga(nc: Client) -> tuple[str, str]:
    """A person and a saga that nobody else has, on a server that keeps timers."""
    [declared] = [one for one in streams.streams(8, 1) if one["name"] == streams.TIMERS]
    await ensure_stream(nc, declared)
    return str(uuid.uuid4()), str(uuid.uuid4())


@pytest.fixture
def due(nc: Client, saga: tuple[str, str]) -> Callable[[], Awaitable[list[StoredMessage]]]:
    """What became due for the saga and is kept."""

    async def kept() -> list[StoredMessage]:
        return [one async for one in read.messages(nc, streams.TIMERS, due_subject(*saga))]

    return kept


async def test_a_timer_becomes_due_once_not_before_its_time_and_its_schedule_is_gone(
    nc: Client, saga: tuple[str, str], due: Callable[[], Awaitable[list[StoredMessage]]]
) -> None:
    at = datetime.now(UTC) + SOON
    await set_timer(nc, *saga, at, b"first")

    [message] = await _until(due)

    assert message.data == b"first"
    assert at <= message.stored_at <= at + SERVER_ROUNDS_UP_TO
    assert await read.last_message(nc, streams.TIMERS, set_subject(*saga)) is None
    await asyncio.sleep(SERVER_ROUNDS_UP_TO.total_seconds())
    assert [one.stream_sequence for one in await due()] == [message.stream_sequence]


async def test_setting_replaces_what_was_set_and_a_time_that_is_over_is_due_at_once(
    nc: Client, saga: tuple[str, str], due: Callable[[], Awaitable[list[StoredMessage]]]
) -> None:
    now = datetime.now(UTC)
    await set_timer(nc, *saga, now + timedelta(days=30), b"far")
    await set_timer(nc, *saga, now - timedelta(days=1), b"over")

    assert [one.data for one in await _until(due)] == [b"over"]

    # What became due stays: to remove it before it is carried would lose the timers before it.
    await set_timer(nc, *saga, now, b"again")
    await _until(due, lambda found: [one.data for one in found] == [b"over", b"again"])


async def test_a_cancelled_timer_never_arrives(
    nc: Client, saga: tuple[str, str], due: Callable[[], Awaitable[list[StoredMessage]]]
) -> None:
    await set_timer(nc, *saga, datetime.now(UTC) + SOON, b"cancelled")
    await cancel_timer(nc, *saga)
    await asyncio.sleep((SOON + SERVER_ROUNDS_UP_TO).total_seconds())
    assert await due() == []


async def test_no_timer_that_is_due_and_not_carried_yet_is_lost_when_others_are_set_or_cancelled(
    nc: Client, saga: tuple[str, str]
) -> None:
    """The server takes a removed message that a consumer has in hand for acknowledged, and all before it."""
    consumer = f"carrier-{saga[0][:8]}"
    declared = {
        "durable_name": consumer,
        "ack_policy": "all",
        "filter_subject": "person.timers.due.>",
        "ack_wait": 10**10,
    }
    await ensure_consumer(nc, streams.TIMERS, {**declared, "deliver_policy": "new"})
    carrier = OrderedPull(nc, streams.TIMERS, consumer, batch=100)
    await carrier.start()
    other = str(uuid.uuid4())
    try:
        for number in range(2):
            await set_timer(nc, *saga, datetime.now(UTC), f"{number}".encode())
            await set_timer(nc, other, other, datetime.now(UTC), b"other")
            await _taken(carrier, 2)
        await cancel_timer(nc, other, other)
        for _ in range(2):
            await nc.request("person.timers.due.nobody.0", b"{}", timeout=30)
        await _taken(carrier, 2)
        await carrier.start()  # another worker goes on where the first has acknowledged: nowhere
        again = await _taken(carrier, 6)
    finally:
        await carrier.stop()
    assert [one.data for one in again if one.subject == due_subject(*saga)] == [b"0", b"1"]


async def _taken(carrier: OrderedPull, count: int) -> list[Delivery]:
    taken: list[Delivery] = []
    async with asyncio.timeout(PATIENCE_S):
        while len(taken) < count:
            taken += await carrier.next(0.5)
    return taken


async def _until(
    due: Callable[[], Awaitable[list[StoredMessage]]], holds: Callable[[list[StoredMessage]], bool] = bool
) -> list[StoredMessage]:
    async with asyncio.timeout(PATIENCE_S):
        while not holds(found := await due()):  # noqa: ASYNC110  # streams are asked
            await asyncio.sleep(0.05)
    return found
