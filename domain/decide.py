"""Decides on a command: the events it leads to, complete, or a refusal. The first failing check is the answer."""

from collections.abc import Mapping
from typing import Final

from domain.command_data.base import CommandData
from domain.command_data.lifecycle import CreatePerson
from domain.commands import Command
from domain.decisions import component, identity, lifecycle, onboarding, policy, privacy, relationship
from domain.decisions.base import Decision
from domain.event_catalogue import SPEC_OF
from domain.event_data.base import EventData
from domain.events import Event
from domain.ids import derive
from domain.person import Person
from domain.refusals import Refused
from domain.status import MATRIX, OK

DECISIONS: Final[Mapping[type[CommandData], Decision]] = {
    model: decision
    for family in (lifecycle, identity, component, relationship, onboarding, policy, privacy)
    for model, decision in family.DECISIONS.items()
}

PASS_PENDING_ERASURE: Final = frozenset({"CancelErasure", "ConfirmErasure", "AbsorbPerson"})


class AlreadyRecorded(Exception):  # noqa: N818 - named as what happened
    """The events of the command are in the log; the answer is accepted, and nothing is appended."""

    def __init__(self, first_sequence: int, count: int) -> None:
        super().__init__(f"{count} events from {first_sequence}")
        self.first_sequence = first_sequence
        self.count = count


def decide(command: Command, person: Person) -> tuple[Event, ...]:
    """The events of a command on a person, in order. Raises Refused or AlreadyRecorded."""
    assert command.person_id == person.person_id
    _check_recent(command, person)
    _check_erasure(command, person)
    if command.expectedversion is not None and command.expectedversion != person.version:
        raise Refused("version_conflict", expected=command.expectedversion, actual=person.version)
    _check_status(command, person)
    payloads = DECISIONS[type(command.data)](command, command.data, person)
    return tuple(_event(command, person, index, data) for index, data in enumerate(payloads))


def _check_recent(command: Command, person: Person) -> None:
    for command_id, first_sequence, count in person.recent:
        if command_id == command.id:
            raise AlreadyRecorded(first_sequence, count)


def _check_erasure(command: Command, person: Person) -> None:
    if not person.exists and not isinstance(command.data, CreatePerson):
        raise Refused("person_not_found")
    if person.is_erased:
        if command.name == "ConfirmErasure" and person.absorbed:
            raise Refused("person_erased", absorbed=[*sorted(person.absorbed)])
        raise Refused("person_erased")
    if person.erasure is not None and command.name not in PASS_PENDING_ERASURE:
        raise Refused("erasure_pending")


def _check_status(command: Command, person: Person) -> None:
    verdict = MATRIX[command.name][person.column]
    if verdict == OK:
        return
    if verdict == "merged_away":
        raise Refused(verdict, target=person.merged_into)
    if verdict in ("invalid_transition", "not_active", "terminal"):
        raise Refused(verdict, status=person.status.value, command=command.name)
    raise Refused(verdict)


def _event(command: Command, person: Person, index: int, data: EventData) -> Event:
    spec = SPEC_OF[type(data)]
    return Event.model_construct(
        id=derive(command.id, str(index)),
        type=spec.type,
        dataversion=spec.version,
        person_id=person.person_id,
        sequence=person.version + 1 + index,
        time=command.now,
        correlationid=command.correlationid,
        causationid=command.id,
        causationdepth=command.causationdepth,
        actor=command.actor,
        traceparent=command.traceparent,
        data=data,
        context=command.context,
    )
