"""The place of a carried message in JetStream, as headers of its Kafka record: written by ingress, read by the lanes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from bridge.jetstream import Delivery

STREAM = "nats-stream"
SUBJECT = "nats-subject"
SEQUENCE = "nats-sequence"
STORED = "nats-timestamp"
"""Storage time in nanoseconds since the epoch, decimal."""


def coordinates(stream: bytes, delivery: Delivery) -> list[tuple[str, bytes]]:
    """Where a message is stored: stream, subject, sequence and time."""
    return [
        (STREAM, stream),
        (SUBJECT, delivery.subject.encode()),
        (SEQUENCE, b"%d" % delivery.stream_sequence),
        (STORED, b"%d" % delivery.stored_ns),
    ]


class NotCarriedError(Exception):
    """A record lacks the coordinates that ingress gives to each: somebody else wrote it."""

    def __init__(self) -> None:
        super().__init__(
            f"headers {SUBJECT}, {SEQUENCE} and {STORED}: missing or no numbers, the bridge did not write this"
        )


def source(headers: Mapping[str, bytes]) -> tuple[str, int]:
    """Stored subject and stream sequence of a carried record; raises NotCarriedError for any other."""
    try:
        return headers[SUBJECT].decode(), int(headers[SEQUENCE])
    except (KeyError, ValueError):
        raise NotCarriedError from None


def stored_at(headers: Mapping[str, bytes]) -> datetime:
    """When JetStream stored the message of a carried record; raises NotCarriedError for any other."""
    try:
        return datetime.fromtimestamp(int(headers[STORED]) / 1e9, UTC)
    except (KeyError, ValueError):
        raise NotCarriedError from None


def sequence_or(headers: Mapping[str, bytes], offset: int) -> int:
    """The stream sequence of a record, or its Kafka offset when the bridge did not write it."""
    try:
        return source(headers)[1]
    except NotCarriedError:
        return offset
