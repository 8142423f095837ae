"""A message that cannot be handled is kept with its bytes, its coordinates and the cause, once."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

import pytest
from nats.aio.client import Client

from bridge.dead_letters import DeadLetter, DeadLetters
from bridge.errors import BridgeError
from bridge.read import messages

if TYPE_CHECKING:
    from tests.bridge.conftest import MakeStream


async def test_a_letter_holds_the_original_bytes_and_all_coordinates(nc: Client, make_stream: MakeStream) -> None:
    stream = await make_stream()
    letters = DeadLetters(nc, stream)

    await letters.store(_letter(sequence=7, data=b"\x00not json\xff"))

    stored = await nc.jetstream().get_msg(stream, 1)
    digest = hashlib.sha256(b"\x00not json\xff").hexdigest()[:16]
    assert stored.subject == f"{stream}.fold_persons.unknown_type.PERSON_EVENTS.7-{digest}"
    assert stored.data == b"\x00not json\xff"
    assert {name: text for name, text in (stored.headers or {}).items() if name.startswith("Dead-Letter-")} == {
        "Dead-Letter-Consumer": "fold_persons",
        "Dead-Letter-Cause": "unknown_type",
        "Dead-Letter-Reason": "type: unknown",
        "Dead-Letter-Source": "PERSON_EVENTS",
        "Dead-Letter-Sequence": "7",
        "Dead-Letter-Subject": "person.events.profile.created.0.x",
        "Dead-Letter-Attempts": "1",
        "Dead-Letter-Data": "whole",
    }
    assert letters.stored == {("fold_persons", "unknown_type"): 1}


async def test_the_same_letter_twice_is_stored_once(nc: Client, make_stream: MakeStream) -> None:
    stream = await make_stream()
    letters = DeadLetters(nc, stream)

    await letters.store(_letter(sequence=1))
    await letters.store(_letter(sequence=1))
    await letters.store(_letter(sequence=2))
    await letters.store(_letter(sequence=1, consumer="project_timeline"))

    assert [message.stream_sequence async for message in messages(nc, stream, f"{stream}.>")] == [1, 2, 3]


async def test_a_letter_that_was_stored_long_ago_is_not_stored_again(nc: Client, make_stream: MakeStream) -> None:
    stream = await make_stream(duplicate_window=100_000_000)
    letters = DeadLetters(nc, stream)
    await letters.store(_letter(sequence=1))
    await asyncio.sleep(0.3)

    await letters.store(_letter(sequence=1))

    assert [message.stream_sequence async for message in messages(nc, stream, f"{stream}.>")] == [1]
    assert letters.stored.total() == 1


async def test_many_letters_are_stored_in_their_order(nc: Client, make_stream: MakeStream) -> None:
    stream = await make_stream()

    await DeadLetters(nc, stream).store_all(_letter(sequence=number, data=b"%d" % number) for number in range(250))

    stored = [message.data async for message in messages(nc, stream, f"{stream}.>")]
    assert stored == [b"%d" % number for number in range(250)]


async def test_the_data_of_a_letter_that_no_server_would_take_is_left_to_its_source(
    nc: Client, make_stream: MakeStream
) -> None:
    stream = await make_stream()

    await DeadLetters(nc, stream).store(_letter(sequence=1, data=b"x" * nc.max_payload))

    stored = await nc.jetstream().get_msg(stream, 1)
    assert (stored.data, (stored.headers or {})["Dead-Letter-Data"]) == (None, "omitted")


async def test_a_letter_that_the_stream_refuses_is_an_error(nc: Client, make_stream: MakeStream) -> None:
    stream = await make_stream(max_msg_size=200)

    with pytest.raises(BridgeError, match="refused a message"):
        await DeadLetters(nc, stream).store(_letter(sequence=1, data=b"x" * 1000))


def _letter(*, sequence: int, data: bytes = b"{}", consumer: str = "fold_persons") -> DeadLetter:
    return DeadLetter(
        consumer=consumer,
        source="PERSON_EVENTS",
        sequence=sequence,
        subject="person.events.profile.created.0.x",
        cause="unknown_type",
        reason="type: unknown",
        data=data,
    )
