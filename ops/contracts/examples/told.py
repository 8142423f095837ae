"""What the story leads to: the domain decides the commands of the examples, and its events, states and outcomes are examples too."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final, NamedTuple

import orjson

from domain.commands import Command, read_command
from domain.decide import decide
from domain.events import Event, write_event
from domain.evolve import apply
from domain.outcomes import Outcome, Position
from domain.partitions import partition_of
from domain.person import Person
from domain.refusals import Refused
from domain.resolved import AbsorbSource, MergeTarget, Resolved
from ops.contracts.examples.story import Step, story

BEGIN: Final = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
PARTITIONS: Final = 8


class Told(NamedTuple):
    """Everything that the story leads to."""

    log: tuple[Event, ...]
    """All events, in order."""
    persons: Mapping[str, Person]
    """Person id to its state behind the story."""
    events: Mapping[str, Mapping[str, Any]]
    """Event type to the first complete message of it."""
    outcome: Mapping[str, Any]
    refusal: Mapping[str, Any]


@cache
def told() -> Told:
    """The story told in the pure domain. Raises Refused when one of its commands is refused."""
    log: list[Event] = []
    persons: dict[str, Person] = {}
    accepted: Outcome | None = None
    for number, step in enumerate(story()):
        person = persons.get(step.person_id, Person.new(step.person_id))
        stored_at = BEGIN + timedelta(seconds=number)
        command = read_command(orjson.dumps(step.message()), subject=step.type, stored_at=stored_at)
        events = decide(command.model_copy(update={"resolved": _resolved(command, persons)}), person)
        for event in events:
            person = apply(person, event)
            log.append(event)
        persons[step.person_id] = person
        if accepted is None:
            accepted = _outcome(command, person, events)
    assert accepted is not None
    return Told(
        log=tuple(log),
        persons=persons,
        events={event.type: orjson.loads(write_event(event)) for event in reversed(log)},
        outcome=orjson.loads(accepted.to_bytes()),
        refusal=orjson.loads(_refusal(story()[0], persons).to_bytes()),
    )


def _resolved(command: Command, persons: Mapping[str, Person]) -> Resolved | None:
    data = command.data
    target, source = getattr(data, "target_person_id", None), getattr(data, "source_person_id", None)
    if target is not None:
        return MergeTarget.model_construct(person=persons[target])
    if source is not None:
        return AbsorbSource.model_construct(person=persons[source], redirect=str(persons[source].merged_into))
    return None


def _outcome(command: Command, person: Person, events: tuple[Event, ...]) -> Outcome:
    position = Position(stream_sequence=1042, partition=partition_of(person.person_id, PARTITIONS))
    return Outcome.accepted(command.id, person.person_id, person.version, events, position)


def _refusal(step: Step, persons: Mapping[str, Person]) -> Outcome:
    person = persons[step.person_id]
    refusal = Refused("person_exists")
    return Outcome.refused(refusal, command_id=step.id, person_id=person.person_id, version=person.version)
