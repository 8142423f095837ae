"""Every event of a person enters the tables once and in order, whatever Kafka lost, repeated or reordered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

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
    assert worker.persons.position(P) == _sequence(records[-1].headers)


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

    assert worker.persons.position(P) == _sequence(records[-1].headers)


async def test_a_summary_that_lags_behind_after_a_crash_catches_up_with_the_next_record(
    persons: Persons, worker: Worker
) -> None:
    ada = persons.new()
    await persons.append(ada, *NAMES)
    records = await persons.stored(ada)
    fold, *_ = worker.event_agents()
    await worker.run([fold], records)
    assert worker.summary.read(P, ada) is None

    # The source offset was not committed, so the same records come again.
    await worker.fold(records)

    assert _state(worker, ada) == (5, 5, [1, 2, 3, 4, 5])


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
