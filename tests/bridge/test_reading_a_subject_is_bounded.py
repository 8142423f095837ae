"""Reading a subject filter of a stream is in order, exact, and ends where the stream ended when it began."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from nats.aio.client import Client

from bridge import read

if TYPE_CHECKING:
    from tests.bridge.conftest import MakeStream


@pytest.fixture
async def stream(nc: Client, make_stream: MakeStream) -> str:
    """Ten messages; the even ones are Ada's."""
    stream = await make_stream()
    for number in range(1, 11):
        await nc.request(f"{stream}.{'ada' if number % 2 == 0 else 'grace'}", str(number).encode())
    return stream


async def test_only_the_filtered_messages_come_in_stream_order(nc: Client, stream: str) -> None:
    found = [message async for message in read.messages(nc, stream, f"{stream}.ada")]

    assert [message.stream_sequence for message in found] == [2, 4, 6, 8, 10]
    assert [message.data for message in found] == [b"2", b"4", b"6", b"8", b"10"]
    assert {message.subject for message in found} == {f"{stream}.ada"}


@pytest.mark.parametrize(("after", "left"), [(0, 5), (3, 4), (4, 3), (9, 1), (10, 0), (99, 0)])
async def test_it_begins_behind_a_sequence(nc: Client, stream: str, after: int, left: int) -> None:
    found = [message.stream_sequence async for message in read.messages(nc, stream, f"{stream}.ada", after=after)]

    assert found == [2, 4, 6, 8, 10][5 - left :]


async def test_what_is_appended_meanwhile_is_left_for_the_next_read(nc: Client, stream: str) -> None:
    found = []
    async for message in read.messages(nc, stream, f"{stream}.ada"):
        found.append(message.stream_sequence)
        await nc.request(f"{stream}.ada", b"later")

    assert found == [2, 4, 6, 8, 10]


async def test_a_filter_without_messages_is_empty(nc: Client, stream: str) -> None:
    assert await read.last_message(nc, stream, f"{stream}.nobody") is None
    assert [message async for message in read.messages(nc, stream, f"{stream}.nobody")] == []


async def test_the_last_message_of_a_filter_is_found(nc: Client, stream: str) -> None:
    found = await read.last_message(nc, stream, f"{stream}.grace")

    assert found is not None
    assert (found.subject, found.data, found.stream_sequence) == (f"{stream}.grace", b"9", 9)
