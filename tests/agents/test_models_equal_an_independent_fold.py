"""Every table on person.events equals an independent fold, whatever ends a person meets and whichever table a kill leaves behind."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

import agents.project_statistics
from bridge.append import EntityAppend, EventMessage, append
from domain.components.catalogue import COMPONENT_TYPES
from domain.event_catalogue import SPEC_OF
from domain.event_data.base import EventData
from domain.event_data.component import ComponentAdded, ComponentRemoved
from domain.event_data.identity import NameUpdated
from domain.event_data.lifecycle import (
    DeathRecorded,
    PersonActivated,
    PersonArchived,
    PersonCreated,
    PersonMerged,
    PersonSuspended,
)
from domain.event_data.onboarding import OnboardingFailed, OnboardingStarted
from domain.event_data.policy import ActivityRecorded, RecommendedSkill, SkillAnalysis, SkillsAnalyzed
from domain.event_data.privacy import PersonErased
from domain.events import Event, write_event
from domain.onboarding import STEPS
from domain.subjects import event_subject, person_filter
from domain.values.person_name import PersonName
from domain.views.statistics import change_of
from tests.domain.samples_of_components import SAMPLES
from tests.domain.specification import NOW

if TYPE_CHECKING:
    from tests.agents.conftest import Persons, Worker

P = 3
RECOMMENDS = SkillAnalysis(recommended=(RecommendedSkill(name="Logic", confidence=0.9, source="Algebra"),))
LIFE: tuple[EventData, ...] = (
    *(
        ComponentAdded(
            component_id=str(uuid.uuid4()),
            component_type=component_type,
            component_data=COMPONENT_TYPES[component_type].admit(sample),
        )
        for component_type, sample in SAMPLES.items()
    ),
    SkillsAnalyzed(git_component_ids=(), result=RECOMMENDS),
    ActivityRecorded(kind="git_commit"),
    ComponentRemoved(component_type="Address"),
    NameUpdated(new_name=PersonName(given_names=("Augusta",))),
    PersonSuspended(reason="away"),
    PersonActivated(reason="back"),
)
ENDS: dict[str, tuple[EventData, ...]] = {
    "active": (ActivityRecorded(kind="git_commit"),),
    "suspended": (PersonSuspended(reason="away"),),
    "archived": (PersonArchived(reason="left"),),
    "deceased": (DeathRecorded(date_of_death=NOW.date()),),
    "merged": (PersonMerged(target_person_id=str(uuid.uuid4()), merge_reason="UserRequested"),),
    "erased": (PersonArchived(reason="left"), PersonErased()),
    "onboarding": (),
}


async def test_every_row_of_every_model_equals_an_independent_fold(persons: Persons, worker: Worker) -> None:
    everybody = {end: persons.new() for end in ENDS}
    for end, person_id in everybody.items():
        run = OnboardingStarted(onboarding_id=str(uuid.uuid4()), run=1, steps=STEPS)
        failed = OnboardingFailed(onboarding_id=run.onboarding_id, at_step="IdentityStep", reason="late")
        life = (run, failed) if end == "onboarding" else (*LIFE, *ENDS[end])
        await _append(persons, person_id, created(onboarding=end == "onboarding"), *life)
    records = await persons.stored(*everybody.values())
    for start in range(0, len(records), 37):
        await worker.fold(records[start : start + 37])
    await worker.assert_folded(*everybody.values())
    rows = worker.rows()
    assert {name for name, held in rows.items() if held} == set(rows) - {"outcomes", "quarantine"}

    # All that comes again, as after a kill, changes nothing.
    await worker.fold(records)
    assert worker.rows() == rows

    # A kill may leave any table behind the others; what comes again brings it on.
    for lost in ("persons", "search", "skills", "network", "views", "statistics"):
        worker.lose(lost)
        for start in range(0, len(records), 61):
            await worker.fold(records[start : start + 61])
        await worker.assert_folded(*everybody.values())


async def test_a_hole_of_the_log_is_counted_once(persons: Persons, worker: Worker) -> None:
    ada, grace = persons.new(), persons.new()
    await _append(persons, ada, created(), ActivityRecorded(kind="a"))
    await _append(persons, grace, created())
    await _append(persons, ada, ActivityRecorded(kind="b"))
    records = await persons.stored(ada, grace)

    await worker.fold([records[0], records[2]])
    await worker.fold(records[3:])
    await worker.assert_folded(ada, grace)
    await worker.fold(records)
    await worker.assert_folded(ada, grace)


async def test_what_a_redrive_brings_late_is_counted_once(
    persons: Persons, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(before: Any, event: Event, after: Any) -> Any:
        if isinstance(event.data, PersonSuspended):
            raise ValueError
        return change_of(before, event, after)

    ada, grace = persons.new(), persons.new()
    await _append(persons, ada, created(), PersonSuspended(reason="away"), PersonActivated(reason="back"))
    await _append(persons, grace, created())
    records = await persons.stored(ada, grace)
    monkeypatch.setattr(agents.project_statistics, "change_of", broken)
    await worker.fold(records)
    assert list(worker.parked()) == [("project_statistics", ada)]
    [day] = worker.statistics.rows(P)
    assert day["status_delta"] == {"Active": 2}
    monkeypatch.undo()

    done = await worker.redriver().redrive(P, "project_statistics", ada)

    assert (done.events, worker.parked()) == (2, {})
    await worker.fold(records)
    await worker.assert_folded(ada, grace)


def created(*, onboarding: bool = False) -> PersonCreated:
    return PersonCreated(name=PersonName(given_names=("Ada",)), source="tests", onboarding=onboarding)


async def _append(persons: Persons, person_id: str, *data: EventData) -> None:
    """Append events behind those of a person, a day and a half apart, several at a time."""
    sequences = await persons.sequences(person_id)
    behind = len(sequences)
    events = [_event(person_id, behind + number, one) for number, one in enumerate(data, 1)]
    messages = [EventMessage(event_subject(event), write_event(event), event.id) for event in events]
    last = await _last(persons, person_id)
    await append(persons.nc, [EntityAppend(person_filter(person_id), last, messages)])


async def _last(persons: Persons, person_id: str) -> int:
    records: Sequence[Any] = await persons.stored(person_id)
    return int(records[-1].headers["nats-sequence"]) if records else 0


def _event(person_id: str, sequence: int, data: EventData) -> Event:
    spec, cause = SPEC_OF[type(data)], str(uuid.uuid4())
    return Event.model_validate(
        {
            "id": str(uuid.uuid4()),
            "type": spec.type,
            "dataversion": spec.version,
            "person_id": person_id,
            "sequence": sequence,
            "time": NOW + timedelta(hours=9 * sequence),
            "correlationid": cause,
            "causationid": cause,
            "causationdepth": 0,
            "actor": "user:u-1",
            "data": data,
        }
    )
