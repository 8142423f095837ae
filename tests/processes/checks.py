"""What must hold when a run is over: every saga has its end, the recoverable ones the good one, and no person is left half-changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from domain.person import Person
from domain.sagas.state import Saga
from domain.status import Status
from local.neighbours.faults import Behaviour
from tests.processes.cases import Case
from tests.processes.truth import Processes

COMPLETION_GOAL = 0.999
REPORTED_ONCE = (3, 366)
"""Version and threshold of a person who was created, reported inactive and archived, and nothing else."""
UNRECOVERABLE = frozenset({"refuse", "silence"})
UNDO_VERBS = frozenset({"unlink_person", "disassociate_person", "end_employment"})


@dataclass
class Result:
    """Counts of sagas by their end, and what must not be, a line each."""

    started: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    """By `<saga>/<end>`; ends are completed, compensated, parked, hanging, missing."""
    recoverable: int = 0
    recoverable_completed: int = 0
    half_changed: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    @property
    def completion_of_recoverable(self) -> float:
        """Share of the recoverable sagas that completed."""
        return self.recoverable_completed / self.recoverable if self.recoverable else 1.0

    @property
    def clean(self) -> bool:
        """Whether all goals are met."""
        return not (self.violations or self.half_changed) and self.completion_of_recoverable > COMPLETION_GOAL

    def ended(self, end: str) -> int:
        """Sagas of all kinds with an end."""
        return sum(count for name, count in self.ends.items() if name.endswith(f"/{end}"))


def check(
    cases: Sequence[Case], found: Processes, behaviour: Behaviour, shown: Mapping[str, Mapping[str, Any]]
) -> Result:
    """Compare all cases with what was found; `shown` are the rows that list_sagas gives, by saga id."""
    result = Result(violations=list(found.faults_found))
    for case in cases:
        result.started[case.kind] += 1
        saga = found.sagas.get(case.saga_id)
        end = end_of(saga)
        result.ends[f"{case.kind}/{end}"] += 1
        if saga is None or end == "hanging":
            at = "" if saga is None else f" at {saga.step} ({saga.direction}, {saga.phase}, deadline {saga.deadline})"
            result.violations.append(f"{case.kind} {case.saga_id} is {end}{at}")
            continue
        reasons = unrecoverable(case, found, behaviour)
        if not reasons:
            result.recoverable += 1
            result.recoverable_completed += end == "completed"
            if end != "completed":
                result.violations.append(
                    f"{case.kind} {case.saga_id} is {end} though nothing hindered it: {saga.failure} {saga.error}"
                )
        if end == "parked" and "parked" not in permitted(case, reasons):
            result.violations.append(f"{case.kind} {case.saga_id} is parked by {reasons or 'nothing'}: {saga.error}")
        row = shown.get(case.saga_id)
        if row is None or row["status"] != saga.status:
            result.violations.append(f"{case.kind} {case.saga_id} is {saga.status}, list_sagas shows {row}")
        result.half_changed += [
            f"{case.person_id} ({case.kind}, {end}): {text}" for text in half_changed(case, end, found)
        ]
    unknown = found.sagas.keys() - {case.saga_id for case in cases}
    result.violations += [f"saga {saga_id} was started by nobody" for saga_id in sorted(unknown)]
    result.violations += repeated(found)
    return result


def end_of(saga: Saga | None) -> str:
    """How a saga has ended."""
    if saga is None:
        return "missing"
    if saga.is_parked:
        return "parked"
    return saga.status.lower() if saga.is_ended else "hanging"


def unrecoverable(case: Case, found: Processes, behaviour: Behaviour) -> set[str]:
    """What hindered a saga for good: people who stayed away or cancelled, and verbs that were refused or never answered."""
    reasons: set[str] = set() if case.conduct == "helps" else {case.conduct}
    for command in found.asked[case.saga_id]:
        if behaviour.plan(command.domain, command.verb, command.id, 1).what in UNRECOVERABLE:
            reasons.add(f"{command.domain}.{command.verb}")
    return reasons


def permitted(case: Case, reasons: Iterable[str]) -> set[str]:
    """Ends that the reasons allow, beyond completion."""
    verbs = {reason.partition(".")[2] for reason in reasons}
    if case.kind in ("merge", "archival", "inactivity", "erasure"):
        return {"parked"} if reasons else set()
    return {"compensated", "parked"} if verbs & UNDO_VERBS else {"compensated"}


def half_changed(case: Case, end: str, found: Processes) -> Iterator[str]:
    """What contradicts the end of a saga in its persons or, where it is to be all or nothing, between person and neighbours."""
    person = found.person(case.person_id)
    match case.kind, end:
        case "onboarding", "completed":
            yield from _onboarded(person)
        case "onboarding", "compensated":
            yield from _not_onboarded(person)
        case "cross_domain_sync", "completed" | "compensated":
            yield from _synced(case, end == "completed", person, found)
        case "merge", "completed":
            target = found.person(case.other_id)
            if person.status is not Status.MERGED_INTO or case.person_id not in target.absorbed:
                yield "merged, but not absorbed"
        case "archival" | "inactivity", "completed":
            if person.status is not Status.ARCHIVED:
                yield f"is {person.status}"
            if case.kind == "inactivity" and (person.version, person.inactivity_reported) != REPORTED_ONCE:
                yield f"was reported {person.version - 2} times, up to {person.inactivity_reported} days"
            yield from _unlinked(case, found)
        case "erasure", "completed":
            if not person.is_erased:
                yield "is not erased"
            yield from _unlinked(case, found)


def _unlinked(case: Case, found: Processes) -> Iterator[str]:
    linked = [domain for domain, links in found.links.items() if links.of(case.person_id)]
    if linked:
        yield f"is still linked in {linked}"


def _onboarded(person: Person) -> Iterator[str]:
    run = person.onboarding
    if person.status is not Status.ACTIVE or run is None or run.state != "Completed":
        yield f"is {person.status}, its run {run and run.state}"
    kinds = sorted(one.component_type for one in person.components.values())
    if not person.identities or not person.locations or kinds != ["EmailAddress", "PhoneNumber", "Skill"]:
        yield f"has {len(person.identities)} identities, {len(person.locations)} locations, {kinds}"


def _not_onboarded(person: Person) -> Iterator[str]:
    run = person.onboarding
    if person.status is not Status.DRAFT or run is None or run.state != "Failed":
        yield f"is {person.status}, its run {run and run.state}"
    elif {done.step for done in run.completed} != set(run.reverted):
        yield f"completed {[done.step for done in run.completed]}, reverted {run.reverted}"
    if person.identities or person.locations or person.components:
        yield "keeps something of the run"


def _synced(case: Case, wanted: bool, person: Person, found: Processes) -> Iterator[str]:
    parts = case.parts
    identity = parts["identity"]["identity_id"]
    location = parts["location"]["location_id"]
    organization = parts["employment"]["organization_id"]
    held = {
        "identity": identity in person.identities,
        "location": any(one.location_id == location for one in person.locations.values()),
        "organization": any(one.organization_id == organization and one.is_open for one in person.employments.values()),
    }
    for domain, has in held.items():
        if has is not wanted:
            yield f"{domain} is {'there' if has else 'missing'}"
        if bool(found.links[domain].of(case.person_id)) is not wanted:
            yield f"{domain} has {'no ' if wanted else ''}link of its own"


def repeated(found: Processes) -> Iterator[str]:
    """Saga events that stand twice, and timers that were taken twice."""
    for saga_id, events in found.history.items():
        ids = Counter(event.id for event in events)
        if max(ids.values()) > 1:
            yield f"saga {saga_id}: an event stands twice"
        tries = Counter(
            (event.data.step, event.data.attempt, event.data.direction, saga_round)
            for saga_round, event in _with_rounds(events)
            if event.type == "person.saga.step_failed" and event.data.cause == "timeout"
        )
        if tries and max(tries.values()) > 1:
            yield f"saga {saga_id}: one try timed out twice"


def _with_rounds(events: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    saga_round = 1
    for event in events:
        if event.type == "person.saga.retried":
            saga_round = event.data.round
        yield saga_round, event
