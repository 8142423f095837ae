"""Sagas and policies in the AsyncAPI document: the commands on them, their events, and timers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from config import streams
from domain.ids import POLICY_ID_PATTERN
from domain.policies.rule_event_data import RULE_EVENTS
from domain.policies.rule_events import RULE_SUBJECTS, STATE_EVENTS
from domain.process_commands import RULE_COMMANDS, SAGA_COMMANDS
from domain.sagas.catalogue import SAGAS
from domain.sagas.event_data import SAGA_EVENTS
from domain.sagas.saga_events import SAGA_SUBJECTS
from ops.contracts import paths
from ops.contracts.asyncapi_commands import PERSON_KEY, add_command, keyed
from ops.contracts.asyncapi_parts import (
    CLOUD_EVENT,
    JSON,
    ON_NATS,
    Part,
    jetstream,
    messages_of,
    schema_at,
    sends,
    tags,
    text_of,
)
from ops.contracts.examples.processes import TIMER, process_story, rule_event, saga_event

POLICY_KEY: Final[Part] = {"type": "string", "pattern": POLICY_ID_PATTERN, "description": "Name of the policy."}


def add_processes(channels: Part, operations: Part, messages: Part) -> None:
    """Everything about sagas and policies."""
    for spec in SAGA_COMMANDS.values():
        add_command(spec, _examples(spec.path), PERSON_KEY, channels, operations, messages)
    for spec in RULE_COMMANDS.values():
        add_command(spec, _examples(spec.path), POLICY_KEY, channels, operations, messages)
    _saga_events(channels, operations, messages)
    _rule_events(channels, operations, messages)
    _timers(channels, operations, messages)


def saga_event_names() -> list[str]:
    """Names of the messages that saga events are."""
    return [_saga_event(spec.name) for spec in SAGA_EVENTS.values()]


def _examples(path: str) -> Iterator[tuple[str, Part]]:
    return ((f"{step.number:03d}-{path}", step.message()) for step in process_story() if step.path == path)


def _saga_events(channels: Part, operations: Part, messages: Part) -> None:
    for spec in SAGA_EVENTS.values():
        messages[_saga_event(spec.name)] = {
            "name": _saga_event(spec.name),
            "title": spec.model.__name__,
            "summary": text_of(spec.model),
            "contentType": CLOUD_EVENT,
            "tags": tags("saga event"),
            "correlationId": {"location": "$message.payload#/correlationid"},
            "payload": schema_at(paths.saga_event(spec.type)),
            "bindings": keyed(PERSON_KEY),
            "examples": [{"name": spec.type, "payload": saga_event(spec.name)}],
        }
    for name, address, text in (
        (
            "saga.published",
            f"{SAGA_SUBJECTS}.{{saga}}.{{event}}.{{person_id}}.{{saga_id}}",
            "As a worker publishes it. The stream puts the partition of the person into the subject.",
        ),
        (
            "saga.stored",
            f"{SAGA_SUBJECTS}.{{saga}}.{{event}}.{{partition}}.{{person_id}}.{{saga_id}}",
            "As it is stored: read it with a consumer of the stream.",
        ),
    ):
        channels[name] = {
            "address": address,
            "servers": ON_NATS,
            "description": text,
            "parameters": {part: _PARAMETERS[part] for part in _PARAMETERS if f"{{{part}}}" in address},
            "messages": messages_of(saga_event_names()),
            "x-jetstream": jetstream(streams.SAGAS),
        }
        operations[f"send.{name}"] = sends(name, saga_event_names(), text)


def _rule_events(channels: Part, operations: Part, messages: Part) -> None:
    for event, model in RULE_EVENTS.items():
        name = model.__name__
        messages[name] = {
            "name": name,
            "title": name,
            "summary": text_of(model),
            "contentType": CLOUD_EVENT,
            "tags": tags("rule event"),
            "correlationId": {"location": "$message.payload#/correlationid"},
            "payload": schema_at(paths.rule_event(event)),
            "examples": [{"name": f"person.rule.{event}", "payload": rule_event(event)}],
        }
        channels[f"rule.{event}"] = {
            "address": f"{RULE_SUBJECTS}.{event}.{{policy_id}}",
            "servers": ON_NATS,
            "parameters": {"policy_id": {"description": "Name of the policy."}},
            "messages": messages_of([name]),
            "x-jetstream": jetstream(streams.RULES if event in STATE_EVENTS else streams.DECISIONS),
        }
        operations[f"send.rule.{event}"] = sends(f"rule.{event}", [name], text_of(model))


def _timers(channels: Part, operations: Part, messages: Part) -> None:
    messages["Timer"] = {
        "name": "Timer",
        "title": "Timer",
        "summary": "A timer of a saga that has become due.",
        "contentType": JSON,
        "tags": tags("timer"),
        "payload": schema_at(paths.TIMER),
        "examples": [{"name": "timer", "payload": dict(TIMER)}],
    }
    channels["timer.due"] = {
        "address": "person.timers.due.{person_id}.{saga_id}",
        "servers": ON_NATS,
        "description": "Stored by the server when a timer is due; workers take it from there.",
        "parameters": {name: _PARAMETERS[name] for name in ("person_id", "saga_id")},
        "messages": messages_of(["Timer"]),
        "x-jetstream": jetstream(streams.TIMERS),
    }
    operations["send.timer.due"] = sends("timer.due", ["Timer"], "Timers of sagas that have become due.")


_PARAMETERS: Final[dict[str, Any]] = {
    "saga": {"description": "Name of the saga.", "enum": sorted(SAGAS)},
    "event": {"description": "The event.", "enum": sorted(spec.name for spec in SAGA_EVENTS.values())},
    "partition": {"description": "Partition of the person, from 0."},
    "person_id": {"description": "Id of the person of the saga, a UUID."},
    "saga_id": {"description": "Id of the saga, a UUID."},
}


def _saga_event(name: str) -> str:
    """Several saga events have a name that an event of a person could have."""
    return "Saga" + "".join(word.capitalize() for word in name.split("_"))
