"""Declares the JetStream streams and consumers that the application owns. Why each setting matters: docs/reference/streams.md."""

from __future__ import annotations

from typing import Any

EVENTS = "PERSON_EVENTS"
COMMANDS = "PERSON_COMMANDS"
DEAD_LETTERS = "PERSON_DLQ"
COMMAND_INGRESS = "ingress-commands"

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


def event_ingress(partition: int) -> str:
    """Name of the consumer that feeds one partition of person.events."""
    return f"ingress-events-{partition}"


def ingress_consumers(partitions: int) -> list[tuple[str, dict[str, Any]]]:
    """Pairs of stream name and durable consumer configuration that feed Kafka."""
    common = {
        "deliver_policy": "all",
        "ack_policy": "all",
        # Redelivery behind a running reader would break order; a reader that dies is replaced by a reset long before.
        "ack_wait": 60 * SECOND_NS,
        "max_deliver": -1,
        "max_ack_pending": 50_000,
        "max_waiting": 512,
    }
    consumers = [(COMMANDS, {**common, "durable_name": COMMAND_INGRESS})]
    consumers += [
        (
            EVENTS,
            {**common, "durable_name": event_ingress(partition), "filter_subject": f"person.events.*.*.{partition}.*"},
        )
        for partition in range(partitions)
    ]
    return consumers


def ingress_consumer(partitions: int, name: str) -> dict[str, Any]:
    """The declaration of one of these consumers."""
    return next(declared for _, declared in ingress_consumers(partitions) if declared["durable_name"] == name)
