"""Every table on person.events equals an independent fold, whatever ends a person meets and whichever table a kill leaves behind."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from nats.aio.client import Client

import agents.tallies
from agents.reading import EventLog
from bridge import read
from bridge.append import EntityAppend, EventMessage, append
from config import streams
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
from domain.events import Event, read_event, write_event
from domain.onboarding import STEPS
from domain.subjects import event_subject, person_filter
from domain.values.person_name import PersonName
from domain.views.statistics import change_of
from ops.verification import Folded, Verification, compare_persons, fold
from tests.domain.samples_of_components import SAMPLES
from tests.domain.specification import NOW

if TYPE_CHECKING:
    from ops.client import PersonClient
    from ops.workers import Worker as Team
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
    "merged": (),
    "erased": (PersonArchived(reason="left"), PersonErased()),
    "onboarding": (),
}


async def test_every_row_of_every_model_equals_an_independent_fold(persons: Persons, worker: Worker) -> None:
    everybody = {end: persons.new() for end in ENDS}
    for end, person_id in everybody.items():
        await _append(persons.nc, person_id, created(onboarding=end == "onboarding"), *_life(end, everybody["active"]))
    records = await persons.stored(*everybody.values())
    for start in range(0, len(records), 37):
        await worker.fold(records[start : start + 37])
    await worker.assert_folded(*everybody.values())
    rows = worker.rows()
    assert {name for name, held in rows.items() if held} == set(rows) - {"outcomes", "quarantine", "sagas", "policies"}

    # All that comes again, as after a kill, changes nothing.
    await worker.fold(records)
    assert worker.rows() == rows

    # A kill may leave any table behind the others; what comes again brings it on.
    for lost in ("persons", "search", "skills", "network", "views", "statistics"):
        worker.lose(lost)
        for start in range(0, len(records), 61):
            await worker.fold(records[start : start + 61])
        await worker.assert_folded(*everybody.values())


async def test_two_workers_show_every_model_as_an_independent_fold_has_it(
    nc: Client, client: PersonClient, team: list[Team]
) -> None:
    folded: dict[str, Folded] = {}
    result = Verification()
    everybody: dict[str, str] = {}
    for end in (*ENDS, *ENDS):
        person_id = str(uuid.uuid4())
        target = next(iter(everybody), person_id)
        life = (created(onboarding=end == "onboarding"), *_life(end, target))
        await _append(nc, person_id, *life, actor="user:u-1")
        everybody.setdefault(person_id, end)
    # The sagas of the merged ones let the first person take over what they had.
    await _absorbed(nc, next(iter(everybody)), times=2)
    for person_id in everybody:
        stored = [one async for one in read.messages(nc, streams.EVENTS, person_filter(person_id))]
        fold(
            [(one.subject, one.stream_sequence, read_event(one.data, subject=one.subject)) for one in stored],
            folded,
            result,
        )

    await compare_persons(client, folded.values(), result)

    assert (result.differences, result.lost, result.duplicated) == ([], 0, 0)
    partitions = {one.partition for one in folded.values()}
    assert all(partitions & set(worker.page("/status")["partitions"]) for worker in team)


async def _absorbed(nc: Client, person_id: str, *, times: int) -> None:
    subject = f"person.events.lifecycle.absorbed.*.{person_id}"
    async with asyncio.timeout(30):
        while True:
            if len([one async for one in read.messages(nc, streams.EVENTS, subject)]) >= times:
                return
            await asyncio.sleep(0.05)


async def test_a_hole_of_the_log_is_counted_once(persons: Persons, worker: Worker) -> None:
    ada, grace = persons.new(), persons.new()
    await _append(persons.nc, ada, created(), ActivityRecorded(kind="a"))
    await _append(persons.nc, grace, created())
    await _append(persons.nc, ada, ActivityRecorded(kind="b"))
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
    await _append(persons.nc, ada, created(), PersonSuspended(reason="away"), PersonActivated(reason="back"))
    await _append(persons.nc, grace, created())
    records = await persons.stored(ada, grace)
    monkeypatch.setattr(agents.tallies, "change_of", broken)
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


def _life(end: str, target: str) -> tuple[EventData, ...]:
    if end == "merged":
        return (*LIFE, PersonMerged(target_person_id=target, merge_reason="UserRequested"))
    if end != "onboarding":
        return (*LIFE, *ENDS[end])
    run = OnboardingStarted(onboarding_id=str(uuid.uuid4()), run=1, steps=STEPS)
    return (run, OnboardingFailed(onboarding_id=run.onboarding_id, at_step="IdentityStep", reason="late"))


async def _append(nc: Client, person_id: str, *data: EventData, actor: str = "import:tests") -> None:
    """Append events behind those of a person, nine hours apart. Those of an import start no saga, wherever workers run beside a test."""
    known = [event async for event in EventLog(nc).events(person_id)]
    events = [_event(person_id, len(known) + number, one, actor) for number, one in enumerate(data, 1)]
    messages = [EventMessage(event_subject(event), write_event(event), event.id) for event in events]
    await append(nc, [EntityAppend(person_filter(person_id), known[-1][1] if known else 0, messages)])


def _event(person_id: str, sequence: int, data: EventData, actor: str) -> Event:
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
            "actor": actor,
            "data": data,
        }
    )
