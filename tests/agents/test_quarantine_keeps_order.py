"""A person whose event cannot be handled waits, for that agent and in order, until a redrive or a discard lets it flow on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import orjson
import pytest

import agents.folding
import agents.redrive
import tables.timeline
from agents.project_summary import ProjectSummary
from agents.redrive import NotDoneError, NotParkedError
from domain.events import Event
from domain.evolve import apply
from domain.person import Person
from domain.views.portrait import Portrait, portrait_of
from domain.views.summary import render_summary
from domain.views.timeline import encode_entry
from lanes.agent import Batch
from lanes.record import Record

if TYPE_CHECKING:
    from tests.agents.conftest import Persons, Worker

P = 3
POISON = "Poison"


@pytest.fixture
def broken_fold(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The fold of persons raises for events that hold the marked name; `undo` is the fix."""
    monkeypatch.setattr(agents.folding, "apply", _raising(apply, 1))
    return monkeypatch


async def test_a_fold_that_raises_parks_that_person_for_that_agent_and_all_others_flow(
    persons: Persons, worker: Worker, broken_fold: pytest.MonkeyPatch
) -> None:
    ada, grace = persons.new(), persons.new()
    await persons.append(ada, "Ada", "Ada B", POISON, "Ada D", "Ada E")
    await persons.append(grace, "Grace", "Grace B")

    records = await persons.stored(ada, grace)
    await worker.fold(records[:4])
    await worker.fold(records[4:])

    sequences = [int(record.headers["nats-sequence"]) for record in records]
    assert list(worker.parked()) == [("fold_persons", ada)]
    parked = worker.parked()["fold_persons", ada]
    assert (parked.first, parked.last, parked.events) == (sequences[2], sequences[4], 3)
    assert (parked.cause, parked.reason, parked.attempts) == ("handler_failed", "ValueError", 1)
    assert _shown(worker, ada) == (2, 2, [1, 2, 3, 4, 5])
    assert _shown(worker, grace) == (2, 2, [1, 2])
    assert await persons.letters(ada) == [
        ("fold_persons", "handler_failed", records[2].value),
        ("fold_persons", "held_back", records[3].value),
        ("fold_persons", "held_back", records[4].value),
    ]
    assert worker.positions.applied(P) == sequences[-1]


async def test_a_redrive_without_a_fix_leaves_the_person_parked_and_stores_no_letter_again(
    persons: Persons, worker: Worker, broken_fold: pytest.MonkeyPatch
) -> None:
    ada = persons.new()
    await persons.append(ada, "Ada", POISON, "Ada C")
    await worker.fold(await persons.stored(ada))
    before = worker.parked()["fold_persons", ada]
    letters = await persons.letters(ada)

    done = await worker.redriver().redrive(P, "fold_persons", ada)

    assert (done.events, done.parked) == (0, before._replace(attempts=2))
    assert worker.parked()["fold_persons", ada] == done.parked
    assert await persons.letters(ada) == letters
    assert _shown(worker, ada) == (1, 1, [1, 2, 3])


async def test_after_a_fix_a_redrive_folds_in_order_and_equals_an_independent_fold(
    persons: Persons, worker: Worker, broken_fold: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = persons.new()
    await persons.append(ada, "Ada", POISON, "Ada C", "Ada D", "Ada E", "Ada F")
    await worker.fold(await persons.stored(ada))
    broken_fold.undo()
    monkeypatch.setattr(agents.redrive, "EVENTS_PER_CYCLE", 2)

    done = await worker.redriver().redrive(P, "fold_persons", ada)

    assert (done.events, done.parked, worker.parked()) == (5, None, {})
    await worker.assert_folded(ada)
    await persons.append(ada, "Ada G")
    await worker.fold((await persons.stored(ada))[-1:])
    await worker.assert_folded(ada)


async def test_a_redrive_that_meets_the_next_poison_keeps_what_it_has_folded(
    persons: Persons, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = persons.new()
    await persons.append(ada, "Ada", POISON, "Ada C", f"{POISON} again", "Ada E")
    records = await persons.stored(ada)
    monkeypatch.setattr(agents.folding, "apply", _raising(apply, 1))
    await worker.fold(records)
    monkeypatch.setattr(agents.folding, "apply", _raising(apply, 1, f"{POISON} again"))

    done = await worker.redriver().redrive(P, "fold_persons", ada)

    assert done.parked is not None
    assert (done.events, done.parked.first) == (2, int(records[3].headers["nats-sequence"]))
    assert (done.parked.events, done.parked.attempts, done.parked.cause) == (2, 1, "handler_failed")
    assert _shown(worker, ada) == (3, 3, [1, 2, 3, 4, 5])


async def test_two_agents_are_parked_and_redriven_independently(
    persons: Persons, worker: Worker, broken_fold: pytest.MonkeyPatch
) -> None:
    ada = persons.new()
    broken_fold.setattr(tables.timeline, "encode_entry", _raising(encode_entry, 0, "Ada B"))
    await persons.append(ada, "Ada", "Ada B", POISON, "Ada D")
    await worker.fold(await persons.stored(ada))
    assert {agent: parked.events for (agent, _), parked in worker.parked().items()} == {
        "fold_persons": 2,
        "project_timeline": 3,
    }
    assert _shown(worker, ada) == (2, 2, [1])
    broken_fold.undo()

    await worker.redriver().redrive(P, "project_timeline", ada)
    assert list(worker.parked()) == [("fold_persons", ada)]
    assert _shown(worker, ada) == (2, 2, [1, 2, 3, 4])

    await worker.redriver().redrive(P, "fold_persons", ada)
    assert worker.parked() == {}
    await worker.assert_folded(ada)


async def test_a_state_that_cannot_be_rendered_parks_only_its_rendering(
    persons: Persons, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = persons.new()

    def render(seen: Person | Portrait) -> Any:
        if POISON in str(portrait_of(seen).name):
            raise ValueError
        return render_summary(seen)

    monkeypatch.setattr(ProjectSummary, "model", ProjectSummary.model._replace(render=render))
    await persons.append(ada, "Ada", POISON, f"{POISON} still")
    records = await persons.stored(ada)
    await worker.fold(records)
    assert _shown(worker, ada) == (3, 1, [1, 2, 3])
    assert worker.parked()["project_summary", ada].first == int(records[1].headers["nats-sequence"])
    await persons.append(ada, "Ada D")
    await worker.fold((await persons.stored(ada))[-1:])
    assert _shown(worker, ada) == (4, 1, [1, 2, 3, 4])
    monkeypatch.undo()

    done = await worker.redriver().redrive(P, "project_summary", ada)

    assert (done.events, worker.parked()) == (3, {})
    await worker.assert_folded(ada)


async def test_a_rendering_waits_for_its_fold_without_a_row_or_letter_of_its_own(
    persons: Persons, worker: Worker, broken_fold: pytest.MonkeyPatch
) -> None:
    ada = persons.new()
    await persons.append(ada, "Ada", POISON)
    await worker.fold(await persons.stored(ada))

    assert [agent for agent, _ in worker.parked()] == ["fold_persons"]
    assert {consumer for consumer, _, _ in await persons.letters(ada)} == {"fold_persons"}
    broken_fold.undo()
    await worker.redriver().redrive(P, "fold_persons", ada)
    await worker.assert_folded(ada)


async def test_records_that_come_again_change_neither_rows_nor_letters(
    persons: Persons, worker: Worker, broken_fold: pytest.MonkeyPatch
) -> None:
    ada = persons.new()
    await persons.append(ada, "Ada", POISON, "Ada C")
    records = await persons.stored(ada)
    await worker.fold(records)
    rows, letters = worker.rows(), await persons.letters(ada)

    await worker.fold(records)
    await worker.fold(records[1:])

    assert worker.rows() == rows
    assert await persons.letters(ada) == letters


@pytest.mark.parametrize("lost", ["quarantine", "persons", "summary", "search", "timeline", "statistics"])
async def test_a_crash_between_two_tables_of_the_cycle_that_parks_is_repaired_by_its_records(
    persons: Persons, worker: Worker, broken_fold: pytest.MonkeyPatch, lost: str
) -> None:
    ada = persons.new()
    await persons.append(ada, "Ada", "Ada B", POISON, "Ada D")
    records = await persons.stored(ada)
    await worker.fold(records)
    before, letters = _without_times(worker), await persons.letters(ada)

    worker.lose(lost)
    await worker.fold(records)

    assert _without_times(worker) == before
    assert await persons.letters(ada) == letters


async def test_a_redrive_that_is_cut_off_before_the_release_is_repeated_without_harm(
    persons: Persons, worker: Worker, broken_fold: pytest.MonkeyPatch
) -> None:
    ada = persons.new()
    await persons.append(ada, "Ada", POISON, "Ada C")
    await worker.fold(await persons.stored(ada))
    broken_fold.undo()
    cycles = 0

    async def cut_off(partition: int, records: Sequence[Record], prepare: Callable[[Batch], None]) -> Batch:
        nonlocal cycles
        cycles += 1
        if cycles == 2:
            raise LookupError
        return await worker.repeat(partition, records, prepare)

    with pytest.raises(NotDoneError, match="ask again"):
        await worker.redriver(cut_off).redrive(P, "fold_persons", ada)
    assert list(worker.parked()) == [("fold_persons", ada)]
    # The commit of the first cycle did not reach all tables.
    worker.lose("summary")
    await persons.append(ada, "Ada D")
    await worker.fold((await persons.stored(ada))[-1:])

    done = await worker.redriver().redrive(P, "fold_persons", ada)

    assert (done.events, worker.parked()) == (3, {})
    await worker.assert_folded(ada)


async def test_discarding_takes_exactly_one_event_out_of_the_way_and_records_who_and_why(
    persons: Persons, worker: Worker
) -> None:
    ada = persons.new()
    await persons.append(ada, "Ada")
    [first] = await persons.stored(ada)
    unknown = {**orjson.loads(first.value), "id": persons.new(), "type": "person.teleported", "sequence": 2}
    poison = await persons.append_raw(ada, orjson.dumps(unknown))
    later = {
        **unknown,
        "id": persons.new(),
        "type": "person.name_updated",
        "dataversion": 2,
        "sequence": 3,
        "causationdepth": 1,
        "data": {"new_name": {"given_names": ["Later"]}},
    }
    await persons.append_raw(ada, orjson.dumps(later))
    records = await persons.stored(ada)
    await worker.fold(records)

    for agent in ("fold_persons", "project_timeline"):
        done = await worker.redriver().discard(P, agent, ada, poison, by="user:olga", why="a test wrote it")
        assert (done.events, done.parked) == (1, None)

    assert worker.discarded_in == [P, P]
    assert _shown(worker, ada) == (3, 3, [1, 3])
    recorded = [
        (consumer, orjson.loads(data)) for consumer, cause, data in await persons.letters(ada) if cause == "discarded"
    ]
    assert [(agent, one["by"], one["why"]) for agent, one in recorded] == [
        ("fold_persons", "user:olga", "a test wrote it"),
        ("project_timeline", "user:olga", "a test wrote it"),
    ]
    rows = worker.rows()
    await worker.fold(records)
    assert worker.rows() == rows
    [outcome] = await worker.decide(persons.rename(ada, "Ada D"))
    assert (outcome["status"], outcome["version"]) == ("accepted", 4)
    [refused] = await worker.decide(persons.create(ada, "Ada"))
    assert (refused["status"], refused["code"]) == ("refused", "person_exists")
    await worker.fold((await persons.stored(ada))[-1:])
    assert _shown(worker, ada) == (4, 4, [1, 3, 4])


async def test_only_the_event_at_which_a_person_is_parked_can_be_discarded(
    persons: Persons, worker: Worker, broken_fold: pytest.MonkeyPatch
) -> None:
    ada = persons.new()
    await persons.append(ada, "Ada", POISON, "Ada C")
    records = await persons.stored(ada)
    await worker.fold(records)
    waiting = int(records[2].headers["nats-sequence"])

    with pytest.raises(NotParkedError, match=f"not at {waiting}"):
        await worker.redriver().discard(P, "fold_persons", ada, waiting, by="user:olga", why="wrong one")
    with pytest.raises(NotParkedError, match="not parked"):
        await worker.redriver().redrive(P, "project_timeline", ada)

    assert worker.parked()["fold_persons", ada].events == 2


async def test_discarding_an_event_that_can_be_read_keeps_its_version_taken(
    persons: Persons, worker: Worker, broken_fold: pytest.MonkeyPatch
) -> None:
    ada = persons.new()
    await persons.append(ada, "Ada", POISON)
    records = await persons.stored(ada)
    await worker.fold(records)

    poison = int(records[1].headers["nats-sequence"])
    await worker.redriver().discard(P, "fold_persons", ada, poison, by="user:olga", why="w")

    assert _shown(worker, ada) == (2, 2, [1, 2])
    name = worker.persons.read(P, ada).person.name
    assert POISON not in str(name)
    [outcome] = await worker.decide(persons.rename(ada, "Ada C"))
    assert (outcome["status"], outcome["version"]) == ("accepted", 3)


async def test_commands_of_a_parked_person_fail_until_it_flows_and_those_of_others_are_decided(
    persons: Persons, worker: Worker, broken_fold: pytest.MonkeyPatch
) -> None:
    ada, grace = persons.new(), persons.new()
    await persons.append(ada, "Ada", POISON)
    await worker.fold(await persons.stored(ada))
    command = persons.rename(ada, "Ada C").with_id()

    outcomes = await worker.decide(command, persons.create(grace, "Grace"))

    found = {one["person_id"]: (one["status"], one.get("code"), one.get("reason")) for one in outcomes}
    assert found == {
        ada: ("failed", "unavailable", "an event of the person is in quarantine"),
        grace: ("accepted", None, None),
    }
    assert [consumer for consumer, _, _ in await persons.letters(ada)] == ["fold_persons"]
    broken_fold.undo()
    await worker.redriver().redrive(P, "fold_persons", ada)
    [outcome] = await worker.decide(command)
    assert (outcome["status"], outcome["version"]) == ("accepted", 3)


async def test_what_waits_is_counted_by_agent_also_after_a_restart(
    persons: Persons, worker: Worker, broken_fold: pytest.MonkeyPatch
) -> None:
    ada, grace = persons.new(), persons.new()
    for person_id in (ada, grace):
        await persons.append(person_id, "Some", POISON)
    async with worker.running() as lane:
        await lane.repeat((await persons.stored(ada, grace))[:-1], lambda _: None)
        assert worker.quarantine.parked_persons([P]) == {"fold_persons": 1}
        await lane.repeat((await persons.stored(ada, grace))[-1:], lambda _: None)
        assert worker.quarantine.parked_persons([P]) == {"fold_persons": 2}
        since = worker.quarantine.oldest_since([P])
    assert worker.quarantine.parked_persons([P]) == {}
    assert worker.quarantine.oldest_since([P]) == {}

    # What a cycle that failed has forgotten is counted again for whoever asks for all.
    assert worker.quarantine.parked_in(P) == 2
    assert worker.quarantine.parked_persons([P]) == {"fold_persons": 2}
    assert worker.quarantine.oldest_since([P]) == since
    assert since == {"fold_persons": min(parked.since_ms for parked in worker.parked().values()) // 1000}


def _raising(function: Callable[..., Any], position: int, name: str = POISON) -> Callable[..., Any]:
    """A pure function that raises when its event holds a name."""

    def raising(*arguments: Any, **named: Any) -> Any:
        event: Event = arguments[position]
        if f"'{name}'" in str(event.data):
            raise ValueError(name)
        return function(*arguments, **named)

    return raising


def _shown(worker: Worker, person_id: str) -> tuple[int, int, list[int]]:
    """Version in persons, version in summary, sequences of the timeline."""
    worker.persons.forget(P)
    summary = worker.summary.read(P, person_id) or {"sequence": 0}
    entries = [entry["sequence"] for entry in worker.timeline.read(P, person_id)]
    return worker.persons.read(P, person_id).person.version, summary["sequence"], entries


def _without_times(worker: Worker) -> dict[str, list[tuple[bytes, bytes]]]:
    rows = worker.rows()
    rows["quarantine"] = [
        (key, orjson.dumps({"parked": {**orjson.loads(value)["parked"], "since_ms": 0}}))
        for key, value in rows["quarantine"]
    ]
    return rows
