"""Declares the JetStream streams and consumers that the application owns. Why each setting matters: docs/reference/streams.md."""

from __future__ import annotations

from typing import Any

EVENTS = "PERSON_EVENTS"
COMMANDS = "PERSON_COMMANDS"
DEAD_LETTERS = "PERSON_DLQ"
SAGAS = "PERSON_SAGAS"
TIMERS = "PERSON_TIMERS"
RULES = "PERSON_RULES"
DECISIONS = "PERSON_DECISIONS"
OUTBOUND = "PERSON_OUTBOUND"
POSITIONS = "PERSON_POSITIONS"

NEIGHBOURS = ("identity", "organization", "location", "git", "agent")
"""Domains that get commands from `PERSON_OUTBOUND`; each keeps its events in a stream of its own."""

SECOND_NS = 1_000_000_000
DAY_NS = 86400 * SECOND_NS
DUPLICATE_WINDOW_NS = 120 * SECOND_NS
RULE_EVENTS = ("registered", "shadowed", "activated", "suspended", "retired")


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
            "duplicate_window": DUPLICATE_WINDOW_NS,
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
            "duplicate_window": DUPLICATE_WINDOW_NS,
        },
        {
            **common,
            "name": DEAD_LETTERS,
            "subjects": ["person.dlq.>"],
            "max_age": 30 * DAY_NS,
            "max_msgs": -1,
            "max_bytes": -1,
            "allow_direct": True,
        },
        {
            **common,
            "name": SAGAS,
            "subjects": ["person.sagas.*.*.*.*"],
            "max_age": 0,
            "max_msgs": -1,
            "max_bytes": -1,
            "allow_atomic": True,
            "allow_direct": True,
            "deny_purge": True,
            "duplicate_window": DUPLICATE_WINDOW_NS,
            "subject_transform": {
                "src": "person.sagas.*.*.*.*",
                "dest": f"person.sagas.{{{{wildcard(1)}}}}.{{{{wildcard(2)}}}}.{{{{partition({partitions},3)}}}}.{{{{wildcard(3)}}}}.{{{{wildcard(4)}}}}",
            },
        },
        {
            **common,
            "name": TIMERS,
            "subjects": ["person.timers.>"],
            # The server keeps schedules in no other way; without limits of the whole stream it drops nothing either.
            "discard": "old",
            "max_age": 0,
            "max_msgs": -1,
            "max_bytes": -1,
            # No limit for each subject: a due timer that is removed before it is carried would, in the eyes of its consumer, acknowledge
            # all timers before it. A schedule replaces the one before without a limit, and due timers have a life time, all the same one.
            "allow_msg_schedules": True,
            "allow_msg_ttl": True,
            "allow_direct": True,
            "duplicate_window": DUPLICATE_WINDOW_NS,
        },
        {
            **common,
            "name": RULES,
            "subjects": [f"person.rules.{event}.*" for event in RULE_EVENTS],
            "max_age": 0,
            "max_msgs": -1,
            "max_bytes": -1,
            "allow_atomic": True,
            "allow_direct": True,
            "deny_purge": True,
            "duplicate_window": DUPLICATE_WINDOW_NS,
        },
        {
            **common,
            "name": DECISIONS,
            "subjects": ["person.rules.decided.*"],
            "max_age": 90 * DAY_NS,
            "max_msgs": -1,
            "max_bytes": -1,
            "allow_direct": True,
            "duplicate_window": DUPLICATE_WINDOW_NS,
        },
        {
            **common,
            "name": POSITIONS,
            "subjects": ["person.positions.*.*"],
            "max_age": 0,
            "max_msgs": -1,
            "max_bytes": -1,
            # A position replaces the one before.
            "max_msgs_per_subject": 1,
            "allow_direct": True,
            "duplicate_window": DUPLICATE_WINDOW_NS,
        },
        {
            **common,
            "name": OUTBOUND,
            "subjects": [f"{domain}.commands.>" for domain in NEIGHBOURS],
            "max_age": 30 * DAY_NS,
            "max_msgs": -1,
            "max_bytes": -1,
            "allow_direct": True,
            "duplicate_window": DUPLICATE_WINDOW_NS,
        },
    ]


def neighbour_stream(domain: str) -> str:
    """The stream in which a neighbouring domain keeps its events. It belongs to that domain: a worker never creates it."""
    return f"{domain.upper()}_EVENTS"


def neighbour_streams(replicas: int) -> list[dict[str, Any]]:
    """What the embedded stack declares in the place of the neighbours."""
    return [
        {
            "name": neighbour_stream(domain),
            "subjects": [f"{domain}.events.>"],
            "storage": "file",
            "retention": "limits",
            "discard": "old",
            "max_age": 30 * DAY_NS,
            "num_replicas": replicas,
            "allow_direct": True,
            "duplicate_window": DUPLICATE_WINDOW_NS,
        }
        for domain in NEIGHBOURS
    ]
