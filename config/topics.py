"""Declares the Kafka topics that the application owns, changelog topics of the tables among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from config.settings import Settings

COMMANDS = "person.commands"
EVENTS = "person.events"
FOREIGN = "person.foreign"
SAGAS = "person.sagas"
TIMERS = "person.timers"
OWN_TOPICS = (COMMANDS, EVENTS, FOREIGN, SAGAS, TIMERS)
TABLES = (
    "network",
    "outcomes",
    "persons",
    "policies",
    "quarantine",
    "sagas",
    "search",
    "skills",
    "statistics",
    "summary",
    "timeline",
    "views",
)
HOUR_MS = 3_600_000
WEEK_MS = 7 * 24 * HOUR_MS
MONTH_MS = 30 * 24 * HOUR_MS
ANY_TIME = str((1 << 63) - 1)
"""Records of lane topics have JetStream's time, which may be ahead of the broker's."""


class OwnTopics(NamedTuple):
    """The names of our own topics in one generation."""

    commands: str
    events: str
    foreign: str
    sagas: str
    timers: str


@dataclass(frozen=True)
class Topic:
    """A topic and the settings that matter; all others are the broker's."""

    name: str
    partitions: int
    replicas: int
    settings: dict[str, str]


def topic_of(topic: str, generation: str) -> str:
    """The name of one of our own topics in a generation; the first one has no name."""
    return f"{topic}.{generation}" if generation else topic


def own_topics(generation: str) -> OwnTopics:
    """The topics that the lanes of a generation read."""
    return OwnTopics(*(topic_of(topic, generation) for topic in OWN_TOPICS))


def declared_by(settings: Settings) -> list[Topic]:
    """The topics that the bridge writes and the lanes read, and the changelogs that lanes write and recovery reads.

    Changelogs are created before Faust joins its group: a first assignment that lacks one would leave its table without recovery.
    """
    partitions, replicas = settings.partitions, settings.replicas
    shared = {"max.message.bytes": str(settings.changelog_max_bytes), "min.insync.replicas": str(max(1, replicas - 1))}
    changelogs = [
        Topic(
            f"{settings.app_id}-{table}-changelog",
            partitions,
            replicas,
            # A data folder that was offline for less than the retention sees every tombstone. The broker's time, because it refuses
            # records from more than an hour ahead, and a worker whose clock is wrong must go on.
            {
                **shared,
                "cleanup.policy": "compact",
                "delete.retention.ms": str(WEEK_MS),
                "message.timestamp.type": "LogAppendTime",
            },
        )
        for table in TABLES
    ]
    return [
        *changelogs,
        Topic(
            topic_of(COMMANDS, settings.generation),
            partitions,
            replicas,
            # Small segments: processed commands carry personal data and are trimmed from the log.
            {
                **shared,
                "cleanup.policy": "delete",
                "retention.ms": "-1",
                "segment.bytes": str(16 << 20),
                "segment.ms": str(HOUR_MS),
                "message.timestamp.after.max.ms": ANY_TIME,
            },
        ),
        Topic(
            topic_of(EVENTS, settings.generation),
            partitions,
            replicas,
            {
                **shared,
                "cleanup.policy": "delete",
                "retention.ms": "-1",
                "retention.bytes": "-1",
                "message.timestamp.after.max.ms": ANY_TIME,
            },
        ),
        Topic(
            topic_of(SAGAS, settings.generation),
            partitions,
            replicas,
            {
                **shared,
                "cleanup.policy": "delete",
                "retention.ms": "-1",
                "retention.bytes": "-1",
                "message.timestamp.after.max.ms": ANY_TIME,
            },
        ),
        *(
            Topic(
                topic_of(name, settings.generation),
                partitions,
                replicas,
                # Each is read once; JetStream holds what a lane has not taken.
                {
                    **shared,
                    "cleanup.policy": "delete",
                    "retention.ms": str(MONTH_MS),
                    "message.timestamp.after.max.ms": ANY_TIME,
                },
            )
            for name in (TIMERS, FOREIGN)
        ),
    ]
