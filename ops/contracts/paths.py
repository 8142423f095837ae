"""Where each schema is, below the folder ``schemas``."""

from __future__ import annotations

from typing import Final

from domain.command_data.base import CommandSpec
from domain.event_data.base import EventSpec
from domain.translate.outbound import OutboundSpec

OUTCOME: Final = "outcome.json"
DEAD_LETTER: Final = "dead-letter.json"
CHANGE: Final = "change.json"
TIMER: Final = "timer.json"
FOREIGN_EVENTS: Final = "neighbours/events/"


def command(spec: CommandSpec) -> str:
    """Of the complete message of a command."""
    return f"commands/{spec.path}.json"


def event(spec: EventSpec) -> str:
    """Of the complete message of an event."""
    return f"events/{spec.type}.json"


def saga_event(event_type: str) -> str:
    """Of the complete message of a saga event."""
    return f"saga-events/{event_type}.json"


def rule_event(name: str) -> str:
    """Of the complete message of a rule event."""
    return f"rule-events/person.rule.{name}.json"


def foreign_event(event_type: str) -> str:
    """Of the complete message of an event of a neighbour, as far as it is read."""
    return f"{FOREIGN_EVENTS}{event_type}.json"


def foreign_command(spec: OutboundSpec) -> str:
    """Of the complete message of a command to a neighbour."""
    return f"neighbours/commands/{spec.type}.json"


def component(component_type: str) -> str:
    """Of the data of a component type, as they are stored and shown."""
    return f"components/{component_type}.json"


def request(endpoint: str) -> str:
    """Of the request of a query."""
    return f"queries/{endpoint}.request.json"


def reply(endpoint: str) -> str:
    """Of a reply to a query, or of one message of it when it is streamed."""
    return f"queries/{endpoint}.reply.json"


def row(table: str) -> str:
    """Of a row of a read model."""
    return f"rows/{table}.json"
