"""Effects of the events of the life of a person."""

from typing import Final

from domain.event_data.lifecycle import (
    DeathRecorded,
    PersonAbsorbed,
    PersonActivated,
    PersonArchived,
    PersonCreated,
    PersonMerged,
    PersonSuspended,
)
from domain.events import Event
from domain.evolution.base import changed, effects
from domain.person import Person
from domain.status import Status

EFFECTS, on = effects()


@on(PersonCreated)
def _created(person: Person, data: PersonCreated, event: Event) -> Person:
    return changed(
        person,
        created_at=event.time,
        name=data.name,
        source=data.source,
        source_system=data.source_system,
        import_id=data.import_id,
        status=Status.DRAFT if data.onboarding else Status.ACTIVE,
    )


def _move(person: Person, sources: frozenset[Status], target: Status, **changes: object) -> Person:
    return changed(person, status=target, **changes) if person.status in sources else person


_STARTING: Final = frozenset({Status.DRAFT, Status.SUSPENDED})
_LIVE: Final = frozenset({Status.ACTIVE, Status.SUSPENDED})
_OPEN: Final = _LIVE | _STARTING
_ACTIVE: Final = frozenset({Status.ACTIVE})


@on(PersonActivated)
def _activated(person: Person, _: PersonActivated, __: Event) -> Person:
    return _move(person, _STARTING, Status.ACTIVE)


@on(PersonSuspended)
def _suspended(person: Person, _: PersonSuspended, __: Event) -> Person:
    return _move(person, _ACTIVE, Status.SUSPENDED)


@on(PersonArchived)
def _archived(person: Person, _: PersonArchived, __: Event) -> Person:
    return _move(person, _OPEN, Status.ARCHIVED)


@on(DeathRecorded)
def _died(person: Person, data: DeathRecorded, _: Event) -> Person:
    return _move(person, _LIVE, Status.DECEASED, date_of_death=data.date_of_death)


@on(PersonMerged)
def _merged(person: Person, data: PersonMerged, _: Event) -> Person:
    return _move(person, _ACTIVE, Status.MERGED_INTO, merged_into=data.target_person_id)


@on(PersonAbsorbed)
def _absorbed(person: Person, data: PersonAbsorbed, _: Event) -> Person:
    if data.source_person_id in person.absorbed:
        return person
    return changed(person, absorbed=person.absorbed | {data.source_person_id})
