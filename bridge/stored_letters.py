"""Reads dead letters: one with its bytes, or the headers of all behind a place in the stream.

Guarantee: bounded (a read ends where the stream ended when it began), in stream order; what a letter tells is what was stored with it."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from nats.aio.client import Client
from nats.js.api import ConsumerConfig, DeliverPolicy

from bridge.jetstream import NO_MESSAGE, JetStreamError, api
from bridge.raw_delivery import parse_headers
from bridge.read import last_message

SILENCE_S = 5.0
"""So long the next of many letters may take."""


class StoredLetter(NamedTuple):
    """A dead letter, or an act on one. `number` is its sequence in the dead-letter stream, `subject` its own subject there."""

    number: int
    subject: str
    stored_at: datetime
    headers: Mapping[str, str]
    data: bytes

    @property
    def consumer(self) -> str:
        """Who could not handle it."""
        return self.headers.get("Dead-Letter-Consumer", "")

    @property
    def cause(self) -> str:
        """A word."""
        return self.headers.get("Dead-Letter-Cause", "")

    @property
    def reason(self) -> str:
        """Field and rule, or the type of an error."""
        return self.headers.get("Dead-Letter-Reason", "")

    @property
    def source(self) -> str:
        """The stream that it came from."""
        return self.headers.get("Dead-Letter-Source", "")

    @property
    def sequence(self) -> str:
        """Its place there, as text."""
        return self.headers.get("Dead-Letter-Sequence", "")

    @property
    def source_subject(self) -> str:
        """Its subject there."""
        return self.headers.get("Dead-Letter-Subject", "")

    @property
    def attempts(self) -> int:
        """How often it was tried before it became a letter."""
        return int(self.headers.get("Dead-Letter-Attempts", "1"))

    @property
    def whole(self) -> bool:
        """Whether its bytes are in the letter."""
        return self.headers.get("Dead-Letter-Data", "whole") == "whole"


async def letter_at(nc: Client, stream: str, number: int) -> StoredLetter | None:
    """The letter under a number, with its bytes, or None when the stream has it no longer."""
    return await _read(nc, stream, {"seq": number})


async def next_letter(nc: Client, stream: str, filter_subject: str, after: int) -> StoredLetter | None:
    """The first letter under a filter behind a number, with its bytes, or None."""
    return await _read(nc, stream, {"seq": after + 1, "next_by_subj": filter_subject})


async def _read(nc: Client, stream: str, wanted: Mapping[str, int | str]) -> StoredLetter | None:
    try:
        message = (await api(nc, f"STREAM.MSG.GET.{stream}", wanted))["message"]
    except JetStreamError as error:
        if error.code == NO_MESSAGE:
            return None
        raise
    return StoredLetter(
        int(message["seq"]),
        str(message["subject"]),
        datetime.fromisoformat(str(message["time"])),
        parse_headers(base64.b64decode(message.get("hdrs", ""))),
        base64.b64decode(message.get("data", "")),
    )


async def letters_after(nc: Client, stream: str, filter_subject: str, after: int) -> AsyncIterator[StoredLetter]:
    """All letters under a filter with a number above `after`, without their bytes. Raises errors of the server."""
    newest = await last_message(nc, stream, filter_subject)
    if newest is None or newest.stream_sequence <= after:
        return
    config = ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=after + 1, headers_only=True)
    subscription = await nc.jetstream().subscribe(filter_subject, stream=stream, ordered_consumer=True, config=config)
    try:
        number = after
        while number < newest.stream_sequence:
            message = await subscription.next_msg(timeout=SILENCE_S)
            number = message.metadata.sequence.stream
            yield StoredLetter(
                number, message.subject, message.metadata.timestamp.astimezone(UTC), message.headers or {}, b""
            )
    finally:
        await subscription.unsubscribe()
