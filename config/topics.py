"""Declares the Kafka topics that the application owns; changelog topics are declared by Faust from the tables."""

from __future__ import annotations

from dataclasses import dataclass

COMMANDS = "person.commands"
EVENTS = "person.events"


@dataclass(frozen=True)
class Topic:
    """A topic and the settings that matter; all others are the broker's."""

    name: str
    partitions: int
    replicas: int
    settings: dict[str, str]


def topics(partitions: int, replicas: int, max_bytes: int) -> list[Topic]:
    """The topics that the bridge writes and the lanes read."""
    shared = {"max.message.bytes": str(max_bytes), "min.insync.replicas": str(max(1, replicas - 1))}
    return [
        Topic(
            COMMANDS,
            partitions,
            replicas,
            # Small segments: processed commands carry personal data and are trimmed from the log.
            {**shared, "cleanup.policy": "delete", "retention.ms": "-1", "segment.bytes": str(16 << 20)},
        ),
        Topic(
            EVENTS,
            partitions,
            replicas,
            {**shared, "cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"},
        ),
    ]
