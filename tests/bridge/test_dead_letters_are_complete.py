"""A message that cannot be handled is kept with its bytes, its coordinates and the cause, once."""

from __future__ import annotations

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
    assert stored.subject == f"{stream}.fold_persons.unknown_type"
    assert stored.data == b"\x00not json\xff"
    assert {name: text for name, text in (stored.headers or {}).items() if name.startswith("Dead-Letter-")} == {
        "Dead-Letter-Consumer": "fold_persons",
        "Dead-Letter-Cause": "unknown_type",
        "Dead-Letter-Reason": "type: unknown",
        "Dead-Letter-Source": "PERSON_EVENTS",
        "Dead-Letter-Sequence": "7",
        "Dead-Letter-Subject": "person.events.profile.created.0.x",
        "Dead-Letter-Attempts": "1",
    }
    assert letters.stored == 1


async def test_the_same_letter_twice_is_stored_once(nc: Client, make_stream: MakeStream) -> None:
    stream = await make_stream()
    letters = DeadLetters(nc, stream)

    await letters.store(_letter(sequence=1))
    await letters.store(_letter(sequence=1))
    await letters.store(_letter(sequence=2))
    await letters.store(_letter(sequence=1, consumer="project_timeline"))

    assert [message.stream_sequence async for message in messages(nc, stream, f"{stream}.>")] == [1, 2, 3]


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
