"""The last read: source and target folded person by person and compared. Names persons and fields, never values.

Guarantee: the source is read as the lanes would read it, upcast on read; only what counts stored events is left out of the comparison,
because a split or dropped event counts otherwise, and is checked by itself: the ids of all events, in order."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from bridge.jetstream import api
from config.streams import EVENTS
from domain.events import Event, read_event
from domain.evolve import SequenceGap, apply
from domain.person import Person
from domain.undecodable import Undecodable
from ops.migrating.planning import Plan
from ops.migrating.report import Report
from ops.migrating.source import Source, StreamSource
from ops.migrating.source_events import SourceEvents
from ops.migrating.target import Target

PERSONS_AT_ONCE = 50_000
"""Persons that one read compares; more take several reads, so that memory stays bounded."""

COUNTING: Final = frozenset({"version", "recent"})
"""Fields of a state that count stored events."""


@dataclass(slots=True)
class _Folded:
    """A person as one side tells it; `ids` is a digest of the ids of its events in order."""

    person: Person
    events: int = 0
    ids: int = 0
    broken: str | None = None

    def take(self, event: Event) -> None:
        """Fold an event of the source: an old one that became nothing counts and changes nothing."""
        if event.parts:
            self.person = apply(self.person, event)
        else:
            self.person = self.person.model_copy(update={"version": event.sequence})
        for part in event.parts:
            self.events += 1
            self.ids = zlib.crc32(part.id.encode(), self.ids)


def events_to_read(source: Source, plan: Plan) -> int:
    """How many events `compare` reads of both sides."""
    return -(-plan.persons_taken // PERSONS_AT_ONCE) * source.records + plan.events


async def compare(target: Target, source: Source, plan: Plan, report: Report, advance: Callable[[int], None]) -> None:
    """Compare every planned person; `report` gets the differences, `advance` how many events of both sides were read."""
    person_ids = sorted(person_id for person_id, person in plan.persons.items() if not person.refused)
    report.compared = 0
    for start in range(0, len(person_ids), PERSONS_AT_ONCE):
        some = person_ids[start : start + PERSONS_AT_ONCE]
        of_source = await _fold_source(source, frozenset(some), advance)
        of_target = await _fold_target(target, plan, frozenset(some), advance)
        for person_id in some:
            difference = _difference(of_source[person_id], of_target.get(person_id))
            if difference is not None:
                report.differences.append(f"{person_id}: {difference}")
        report.compared += len(some)


async def _fold_source(source: Source, some: Collection[str], advance: Callable[[int], None]) -> Mapping[str, _Folded]:
    folded = {person_id: _Folded(Person.new(person_id)) for person_id in some}
    events = SourceEvents()
    async for records in source.chunks():
        for one in events.read(records):
            if one.person_id in folded:
                folded[one.person_id].take(read_event(one.raw))
        advance(len(records))
    return folded


async def _fold_target(
    target: Target, plan: Plan, some: Collection[str], advance: Callable[[int], None]
) -> Mapping[str, _Folded]:
    """The migrated events of some persons; what happened to them since is not compared."""
    folded: dict[str, _Folded] = {}
    known = [person_id for person_id in some if plan.persons[person_id].head.stream_sequence]
    first = min(target.end + 1, await target.first_sequence(known))
    state = (await api(target.nc, f"STREAM.INFO.{EVENTS}"))["state"]
    stream = StreamSource(target.nc, EVENTS, state, after=first - 1)
    async for records in stream.chunks():
        for record in records:
            person_id = record.subject.rpartition(".")[2]
            if person_id not in some:
                continue
            one = folded.setdefault(person_id, _Folded(Person.new(person_id)))
            if one.broken is not None or one.events == plan.persons[person_id].events:
                continue
            try:
                one.take(read_event(record.data, subject=record.subject))
            except (Undecodable, SequenceGap) as error:
                one.broken = type(error).__name__
            advance(1)
    return folded


def _difference(source: _Folded, target: _Folded | None) -> str | None:
    if target is None:
        return "is not in the target" if source.events else None
    if target.broken is not None:
        return f"the target cannot be folded ({target.broken})"
    if source.events != target.events:
        return f"{target.events} events in the target, {source.events} expected"
    for name in Person.model_fields:
        if name not in COUNTING and getattr(source.person, name) != getattr(target.person, name):
            return name
    if source.ids != target.ids:
        return "event ids"
    return None if target.person.version == target.events else "version"
