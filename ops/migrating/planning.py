"""The first read of a source: what every event becomes, and whose events can be migrated. Writes nothing.

Guarantee: a person is planned only if all its events can be read and the target holds nothing of it but what this migration writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from domain.events import Event, read_event
from domain.undecodable import Undecodable
from ops.migrating.report import Refused, Report
from ops.migrating.source import Source
from ops.migrating.source_events import SourceEvent, SourceEvents
from ops.migrating.target import Head, Target


@dataclass(slots=True)
class PlannedPerson:
    """A person of the source: how many events of today it has, the id of the last one, and what the target holds of it.

    `continues` says that the target's head is one of these events, or a later one behind all of them.
    """

    head: Head
    events: int = 0
    last_id: str = ""
    continues: bool = False
    refused: bool = False


@dataclass
class Plan:
    """Every person of a source."""

    persons: dict[str, PlannedPerson] = field(default_factory=dict)

    def takes(self, person_id: str | None) -> bool:
        """Whether events of a person are migrated."""
        return person_id is not None and not self.persons[person_id].refused

    @property
    def persons_taken(self) -> int:
        """Persons that are migrated."""
        return sum(not person.refused for person in self.persons.values())

    @property
    def events(self) -> int:
        """Events of today that all planned persons have."""
        return sum(person.events for person in self.persons.values() if not person.refused)


async def plan_migration(source: Source, target: Target, report: Report, advance: Callable[[int], None]) -> Plan:
    """Read the whole source; counts and refusals go to `report`."""
    plan = Plan()
    events = SourceEvents()
    async for records in source.chunks():
        found = list(events.read(records))
        new = {one.person_id for one in found if one.person_id is not None} - plan.persons.keys()
        heads = await target.heads(sorted(new))
        for person_id in new:
            head = heads.get(person_id, Head())
            plan.persons[person_id] = PlannedPerson(head, continues=not head.stream_sequence)
        for one in found:
            _plan_event(plan, one, report)
        advance(len(records))
    for person_id, person in plan.persons.items():
        await _check_target(target, person_id, person, report)
    report.events = sum(sum(fates.values()) for fates in report.types.values()) + events.duplicates
    report.duplicates = events.duplicates
    report.persons = len(plan.persons)
    report.persons_refused = sum(person.refused for person in plan.persons.values())
    return plan


def _plan_event(plan: Plan, one: SourceEvent, report: Report) -> None:
    person = plan.persons.get(one.person_id) if one.person_id is not None else None
    stored = f"{one.document.get('type')} v{one.document.get('dataversion')}"
    try:
        if one.error is not None:
            raise one.error
        event = read_event(one.raw)
    except Undecodable as error:
        known = error.cause not in ("undecodable", "unknown_type")
        report.types[stored if known else error.cause]["refused"] += 1
        report.refused.append(Refused(error.cause, error.reason, one.person_id, one.position))
        if person is not None:
            person.refused = True
        return
    report.types[stored][_fate(one, event)] += 1
    assert person is not None
    for part in event.parts:
        report.written[part.type] += 1
        person.events += 1
        person.last_id = part.id
        if person.events == person.head.sequence:
            person.continues = part.id == person.head.event_id


def _fate(one: SourceEvent, event: Event) -> str:
    parts = event.parts
    if len(parts) != 1:
        return "split" if parts else "dropped"
    if event.type != one.document["type"]:
        return "renamed"
    return "current" if event.dataversion == one.document["dataversion"] else "raised"


async def _check_target(target: Target, person_id: str, person: PlannedPerson, report: Report) -> None:
    if person.refused:
        return
    if person.head.sequence > person.events:
        # The person went on after it was migrated.
        person.continues = await target.id_at(person_id, person.events) == person.last_id
    if not person.continues:
        person.refused = True
        report.refused.append(Refused("target", "the target holds other events of the person", person_id, None))
