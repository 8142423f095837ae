"""Declares the JetStream streams and consumers that the application owns. Why each setting matters: docs/reference/streams.md."""

from __future__ import annotations

from typing import Any

EVENTS = "PERSON_EVENTS"
COMMANDS = "PERSON_COMMANDS"
DEAD_LETTERS = "PERSON_DLQ"

SECOND_NS = 1_000_000_000


def streams(partitions: int, replicas: int) -> list[dict[str, Any]]:
    """Declarations in the form of JetStream's stream configuration."""
    common = {"storage": "file", "retention": "limits", "discard": "new", "num_replicas": replicas}
    return [
        {
            **common,
            "name": EVENTS,
            "subjects": ["person.events.*.*.*"],
            "max_age": 0,
            "max_msgs": -1,
            "max_bytes": -1,
            "allow_atomic": True,
            "allow_direct": True,
            "deny_purge": True,
            "duplicate_window": 120 * SECOND_NS,
            "subject_transform": {
                "src": "person.events.*.*.*",
                "dest": f"person.events.{{{{wildcard(1)}}}}.{{{{wildcard(2)}}}}.{{{{partition({partitions},3)}}}}.{{{{wildcard(3)}}}}",
            },
            "republish": {
                "src": "person.events.*.*.*.*",
                "dest": "person.events.{{wildcard(1)}}.{{wildcard(2)}}",
            },
        },
        {
            **common,
            "name": COMMANDS,
            "subjects": ["person.commands.>"],
            # Below the server's max_payload, so that a dead letter, which adds headers, always fits.
            "max_msg_size": 4 << 20,
            "max_age": 0,
            "max_msgs": -1,
            "max_bytes": -1,
            "allow_direct": True,
            "duplicate_window": 120 * SECOND_NS,
        },
        {
            **common,
            "name": DEAD_LETTERS,
            "subjects": ["person.dlq.>"],
            "max_age": 30 * 86400 * SECOND_NS,
            "max_msgs": -1,
            "max_bytes": -1,
            "allow_direct": True,
        },
    ]
