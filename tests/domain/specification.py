"""Specifications that read as sentences: given a past, when a command comes, then these events or that refusal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import reduce
from typing import Any

import orjson

from domain.command_data.lifecycle import AbsorbPerson, MergePersons
from domain.commands import COMMANDS, Command, read_command
from domain.components.base import ComponentData
from domain.decide import decide
from domain.event_catalogue import SPEC_OF
from domain.event_data.base import EventData
from domain.event_data.lifecycle import DeathRecorded, PersonArchived, PersonCreated, PersonMerged, PersonSuspended
from domain.event_data.onboarding import OnboardingStarted
from domain.events import Event, read_event, write_event
from domain.evolve import apply
from domain.ids import NS, derive
from domain.onboarding import STEPS
from domain.person import Person
from domain.refusals import Refused
from domain.resolved import AbsorbSource, MergeTarget, Resolved
from domain.values.person_name import PersonName

NOW = datetime(2026, 1, 5, 10, tzinfo=UTC)
ADA = "0190c8a2-7b1e-7c3d-9a4f-1b2c3d4e5f60"
GRACE = "0190c8a2-7b1e-7c3d-9a4f-1b2c3d4e5f61"
ADA_LOVELACE = PersonName(given_names=("Ada",), family_names=("Lovelace",))
ADA_NAME = {"given_names": ["Ada"], "family_names": ["Lovelace"]}

COMMAND_TYPES = {spec.name: spec.type for spec in COMMANDS.values()}
# Who may send a command that not everybody may send.
ACTORS = {spec.name: f"{min(spec.kinds)}:s-1" for spec in COMMANDS.values() if spec.kinds}


def uuid(text: str) -> str:
    """A fixed id with a name."""
    return derive(NS, text)


def envelope(name: str, data: Mapping[str, Any], /, **attributes: Any) -> dict[str, Any]:
    """What a client sends."""
    return {
        "specversion": "1.0",
        "id": uuid(f"command {name}"),
        "type": COMMAND_TYPES.get(name, name),
        "source": "/clients/portal",
        "subject": ADA,
        "time": "2026-01-05T10:00:00Z",
        "actor": ACTORS.get(name, "user:u-1"),
        "data": dict(data),
        **attributes,
    }


def read(document: Mapping[str, Any], *, stored_at: datetime = NOW, subject: str | None = None) -> Command:
    """The command in what a client sends."""
    return read_command(orjson.dumps(document), subject=subject or str(document["type"]), stored_at=stored_at)


def command(name: str, data: Mapping[str, Any], /, *, others: Iterable[Person] = (), **attributes: Any) -> Command:
    """A checked command, with what a handler finds out about other persons; who is not among them does not exist."""
    return resolved(read(envelope(name, data, **attributes)), others)


def resolved(asked: Command, others: Iterable[Person] = ()) -> Command:
    """The command with the facts that its decision needs of other persons."""
    known = {person.person_id: person for person in others}

    def find(person_id: str) -> Person:
        return known.get(person_id, Person.new(person_id))

    facts: Resolved
    if isinstance(asked.data, MergePersons):
        facts = MergeTarget.model_construct(person=find(asked.data.target_person_id))
    elif isinstance(asked.data, AbsorbPerson):
        end = source = find(asked.data.source_person_id)
        while end.merged_into is not None and end.person_id != asked.person_id:
            end = find(end.merged_into)
        facts = AbsorbSource(person=source, redirect=end.person_id)
    else:
        return asked
    return asked.model_copy(update={"resolved": facts})


def recorded(data: EventData, sequence: int, /, **attributes: Any) -> Event:
    """An event as the log holds it."""
    spec = SPEC_OF[type(data)]
    cause = uuid(f"cause {sequence}")
    values: dict[str, Any] = {
        "id": uuid(f"event {sequence}"),
        "type": spec.type,
        "dataversion": spec.version,
        "person_id": ADA,
        "sequence": sequence,
        "time": NOW,
        "correlationid": cause,
        "causationid": cause,
        "causationdepth": 0,
        "actor": "user:u-1",
        "data": data,
        **attributes,
    }
    return Event(**values)


def created(*, onboarding: bool = False) -> PersonCreated:
    """Ada exists."""
    return PersonCreated(name=ADA_LOVELACE, source="hr", onboarding=onboarding)


def onboarding_started() -> OnboardingStarted:
    """Ada's onboarding began."""
    return OnboardingStarted(onboarding_id=uuid("onboarding"), run=1, steps=STEPS)


def past_of(status: str) -> tuple[EventData, ...]:
    """Events that lead to a status."""
    if status == "New":
        return ()
    if status == "Draft":
        return (created(onboarding=True), onboarding_started())
    ends: dict[str, tuple[EventData, ...]] = {
        "Active": (),
        "Suspended": (PersonSuspended(reason="away"),),
        "Archived": (PersonArchived(reason="left"),),
        "Deceased": (DeathRecorded(date_of_death=date(2025, 12, 31)),),
        "MergedInto": (PersonMerged(target_person_id=GRACE, merge_reason="UserRequested"),),
    }
    return (created(), *ends[status])


def person_after(*past: EventData, person_id: str = ADA) -> Person:
    """The state after a past, by way of stored bytes."""
    events = (recorded(data, sequence, person_id=person_id) for sequence, data in enumerate(past, 1))
    return reduce(lambda state, event: apply(state, read_event(write_event(event))), events, Person.new(person_id))


def admitted(model: type[ComponentData], **fields: Any) -> ComponentData:
    """Component data as a client sends it."""
    return model.admit(fields)


@dataclass
class Specification:
    """Given a person, when a command comes, then ..."""

    person: Person
    events: tuple[Event, ...] = ()
    refusal: Refused | None = field(default=None)

    def when(self, name: str, data: Mapping[str, Any], /, **attributes: Any) -> Specification:
        """A command comes; `others` are the other persons that there are."""
        try:
            self.events = decide(command(name, data, **attributes), self.person)
        except Refused as refusal:
            self.refusal = refusal
        return self

    def then(self, *expected: EventData) -> Person:
        """The decision is these events; gives the person after them."""
        assert self.refusal is None, (self.refusal.code, self.refusal.facts) if self.refusal else None
        assert tuple(event.data for event in self.events) == expected
        return reduce(apply, self.events, self.person)

    def then_refused(self, code: str, **facts: Any) -> None:
        """The decision is a refusal with this code, and at least these facts."""
        assert self.refusal is not None, self.events
        assert self.refusal.code == code, self.refusal.facts
        assert facts.items() <= self.refusal.facts.items()


def given(*past: EventData | Person) -> Specification:
    """A past, as events or as a state."""
    if past and isinstance(past[0], Person):
        return Specification(past[0])
    return Specification(person_after(*(data for data in past if isinstance(data, EventData))))
