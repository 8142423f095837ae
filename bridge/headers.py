"""The header policy of ingress: which facts of a JetStream message travel as Kafka headers, and under which names.

Guarantee: reserved `Nats-*` headers never pass as they are, so nothing that is sent back to JetStream is executed as a command."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.jetstream import Delivery

STREAM = "nats-stream"
SUBJECT = "nats-subject"
SEQUENCE = "nats-sequence"
STORED = "nats-timestamp"
"""Storage time in nanoseconds since the epoch, decimal."""


def kafka_headers(stream: str, delivery: Delivery) -> list[tuple[str, bytes]]:
    """Coordinates of the source plus every user header with its name in lower case."""
    headers = [
        (STREAM, stream.encode()),
        (SUBJECT, delivery.subject.encode()),
        (SEQUENCE, str(delivery.stream_sequence).encode()),
        (STORED, str(delivery.stored_ns).encode()),
    ]
    for name, value in delivery.headers.items():
        lowered = name.lower()
        if not lowered.startswith("nats-"):
            headers.append((lowered, value.encode()))
    return headers


def source_sequence(headers: Mapping[str, bytes]) -> int:
    """The stream sequence that a carried record had in JetStream."""
    return int(headers[SEQUENCE])
