"""Every event of a person enters the tables once and in order, whatever Kafka lost, repeated or reordered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agents.mark_position import MarkPosition
from lanes.agent import Batch, LaneAgent
from tables import position
from tables.position import AppliedPositions

if TYPE_CHECKING:
    from tests.agents.conftest import Persons, Worker

P = 3
NAMES = ["Ada", "Ada B", "Ada C", "Ada D", "Ada E"]


async def test_each_event_becomes_one_version_and_one_timeline_entry(persons: Persons, worker: Worker) -> None:
    ada = persons.new()
    await persons.append(ada, *NAMES)
    records = await persons.stored(ada)

    await worker.fold(records)

    assert _state(worker, ada) == (5, 5, [1, 2, 3, 4, 5])
    assert worker.positions.applied(P) == _sequence(records[-1].headers)
    assert position.read(worker.persons.table, P) == _sequence(records[-1].headers)


@pytest.mark.parametrize(
    ("missing", "seen"),
    [([2], [1, 3, 4, 5]), ([2, 3], [1, 4, 5]), ([1], [2, 3, 4, 5]), ([1, 2, 3, 4], [5])],
    ids=["one in the middle", "two in the middle", "the first", "all but the last"],
)
async def test_records_missing_from_kafka_are_read_from_jetstream_before_going_on(
    persons: Persons, worker: Worker, missing: list[int], seen: list[int]
) -> None:
    ada = persons.new()
    events = await persons.append(ada, *NAMES)
    records = await persons.stored(ada)

    await worker.fold([records[sequence - 1] for sequence in seen])

    assert missing
    assert _state(worker, ada) == (5, 5, [1, 2, 3, 4, 5])
    types = [entry["type"] for entry in worker.timeline.read(P, ada)]
    assert types == [event.type for event in events]
    assert await persons.letters(ada) == []


async def test_a_hole_between_two_cycles_heals_as_well(persons: Persons, worker: Worker) -> None:
    ada = persons.new()
    await persons.append(ada, *NAMES)
    records = await persons.stored(ada)
    await worker.fold(records[:2])

    await worker.fold(records[3:4])

    assert _state(worker, ada) == (4, 4, [1, 2, 3, 4])


async def test_a_hole_of_one_person_leaves_others_alone(persons: Persons, worker: Worker) -> None:
    ada, grace = persons.new(), persons.new()
    await persons.append(ada, "Ada", "Ada B")
    await persons.append(grace, "Grace")
    await persons.append(ada, "Ada C")
    records = await persons.stored(ada, grace)

    await worker.fold([records[0], records[2], records[3]])

    assert _state(worker, ada) == (3, 3, [1, 2, 3])
    assert _state(worker, grace) == (1, 1, [1])


async def test_records_that_come_again_have_no_effect(persons: Persons, worker: Worker) -> None:
    ada = persons.new()
    await persons.append(ada, *NAMES)
    records = await persons.stored(ada)
    await worker.fold(records)
    before = worker.rows()

    await worker.fold(records)
    await worker.fold([records[1], records[1], records[4]])

    assert worker.rows() == before
    assert worker.positions.applied(P) == _sequence(records[-1].headers)


async def test_records_that_come_twice_in_one_cycle_count_once(persons: Persons, worker: Worker) -> None:
    ada = persons.new()
    await persons.append(ada, *NAMES)
    records = await persons.stored(ada)

    await worker.fold([record for record in records for _ in range(2)] + records[:3])

    assert _state(worker, ada) == (5, 5, [1, 2, 3, 4, 5])


async def test_repeated_old_records_never_take_the_position_back(persons: Persons, worker: Worker) -> None:
    ada = persons.new()
    await persons.append(ada, *NAMES)
    records = await persons.stored(ada)
    await worker.fold(records)

    await worker.fold(records[:2])

    assert position.read(worker.persons.table, P) == _sequence(records[-1].headers)


async def test_a_summary_that_lags_behind_after_a_crash_catches_up_with_the_next_record(
    persons: Persons, worker: Worker
) -> None:
    ada = persons.new()
    await persons.append(ada, *NAMES)
    records = await persons.stored(ada)
    fold, *_, park, _ = worker.event_agents()
    await worker.run([fold, park], records)
    assert worker.summary.read(P, ada) is None

    # The source offset was not committed, so the same records come again.
    await worker.fold(records)

    assert _state(worker, ada) == (5, 5, [1, 2, 3, 4, 5])


async def test_every_table_of_the_lane_holds_the_position_and_queries_do_not_see_the_row(
    persons: Persons, worker: Worker
) -> None:
    ada = persons.new()
    await persons.append(ada, *NAMES)
    records = await persons.stored(ada)

    await worker.fold(records)

    tables = [worker.persons.table, worker.summary.table, worker.timeline.table]
    assert [position.read(table, P) for table in tables] == [_sequence(records[-1].headers)] * 3
    assert [position.read(table, P + 1) for table in tables] == [0] * 3
    assert position.KEY not in {key for rows in worker.rows().values() for key, _ in rows}


async def test_the_position_of_a_table_is_the_last_row_of_a_cycle(persons: Persons, worker: Worker) -> None:
    ada = persons.new()
    await persons.append(ada, *NAMES)

    batch = await worker.repeat(P, await persons.stored(ada), lambda _: None)

    staged = {view.table.name: list(view.staged) for view in batch.views() if view.staged}
    assert len(staged) == 8
    assert {keys[-1] for keys in staged.values()} == {position.KEY}


async def test_after_a_crash_between_two_tables_the_position_is_that_of_the_slower_one(
    persons: Persons, worker: Worker
) -> None:
    ada = persons.new()
    await persons.append(ada, *NAMES)
    records = await persons.stored(ada)
    await worker.fold(records[:2])
    fold, *_, park, _ = worker.event_agents()
    # Only table persons has got the rest.
    await worker.run([fold, MarkPosition([worker.persons.table], worker.positions), park], records[2:])

    started = AppliedPositions()
    worker.queried(started).load_position(P)

    assert position.read(worker.persons.table, P) == _sequence(records[-1].headers)
    assert started.applied(P) == _sequence(records[1].headers)


async def test_a_person_that_another_worker_has_changed_is_read_anew_when_the_lane_starts(
    persons: Persons, worker: Worker
) -> None:
    ada = persons.new()
    await persons.append(ada, *NAMES)
    records = await persons.stored(ada)
    await worker.fold(records[:4])
    newest = worker.persons.read(P, ada)
    await worker.fold(records[4:])
    assert newest.person.version == 4
    # The state that was decoded before another worker, which owned the partition meanwhile, folded the last event.
    worker.persons.remember(P, newest)

    reader = ReadPerson(worker, ada)

    await worker.run([*worker.event_agents(), reader], records[:1])

    assert reader.versions == [5]


class ReadPerson(LaneAgent):
    """Notes the version of a person as a cycle sees it."""

    name = "read_person"

    def __init__(self, worker: Worker, person_id: str) -> None:
        self._worker = worker
        self._person_id = person_id
        self.versions: list[int] = []

    async def process(self, batch: Batch) -> None:
        self.versions.append(self._worker.persons.read(P, self._person_id).person.version)


def _state(worker: Worker, person_id: str) -> tuple[int, int, list[int]]:
    """Version in persons, sequence in summary, sequences in timeline."""
    worker.persons.forget(P)
    row = worker.summary.read(P, person_id)
    assert row is not None
    entries = [entry["sequence"] for entry in worker.timeline.read(P, person_id)]
    return worker.persons.read(P, person_id).person.version, row["sequence"], entries


def _sequence(headers: object) -> int:
    assert isinstance(headers, dict)
    return int(headers["nats-sequence"])
