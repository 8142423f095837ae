"""Reads one subject filter of a stream from JetStream itself, up to where the stream ends when the read begins.

Guarantee: bounded (it stops at the last sequence seen at start), in stream order, read from the stream's leader."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from nats.aio.client import Client

from bridge.jetstream import NO_MESSAGE, JetStreamError, api


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One stored message."""

    subject: str
    data: bytes
    stream_sequence: int
    stored_at: datetime


async def last_message(nc: Client, stream: str, filter_subject: str) -> StoredMessage | None:
    """The newest message under a filter, or None."""
    return await _message(nc, stream, {"last_by_subj": filter_subject})


async def first_message(nc: Client, stream: str, filter_subject: str, *, after: int = 0) -> StoredMessage | None:
    """The oldest message under a filter with a stream sequence above `after`, or None."""
    return await _message(nc, stream, {"seq": after + 1, "next_by_subj": filter_subject})


async def message_at(nc: Client, stream: str, stream_sequence: int) -> StoredMessage | None:
    """The message of a sequence, or None."""
    try:
        answer = await api(nc, f"STREAM.MSG.GET.{stream}", {"seq": stream_sequence})
    except JetStreamError as error:
        if error.code == NO_MESSAGE:
            return None
        raise
    return _stored(answer["message"])


async def messages(nc: Client, stream: str, filter_subject: str, *, after: int = 0) -> AsyncIterator[StoredMessage]:
    """Messages under a filter with a stream sequence above `after`, up to the newest one at the time of the call."""
    last = await last_message(nc, stream, filter_subject)
    sequence = after
    while last is not None and sequence < last.stream_sequence:
        answer = await api(nc, f"STREAM.MSG.GET.{stream}", {"seq": sequence + 1, "next_by_subj": filter_subject})
        stored = _stored(answer["message"])
        yield stored
        sequence = stored.stream_sequence


async def _message(nc: Client, stream: str, wanted: dict[str, str | int]) -> StoredMessage | None:
    try:
        answer = await api(nc, f"STREAM.MSG.GET.{stream}", wanted)
    except JetStreamError as error:
        if error.code == NO_MESSAGE:
            return None
        raise
    return _stored(answer["message"])


def _stored(message: dict[str, str | int]) -> StoredMessage:
    return StoredMessage(
        str(message["subject"]),
        base64.b64decode(str(message.get("data", ""))),
        int(message["seq"]),
        datetime.fromisoformat(str(message["time"])),
    )
