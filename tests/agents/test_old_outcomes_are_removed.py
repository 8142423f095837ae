"""Outcomes are removed when their stated life is over, not earlier, and a command that comes after that does no harm."""

from __future__ import annotations

import uuid

from agents.expire_outcomes import ROWS_PER_COMMAND, ExpireOutcomes
from lanes.agent import Batch
from lanes.record import Record
from lanes.table import TableView
from tables import outcomes
from tests.agents.conftest import P, Persons, Worker, carried

DAY_S = 86_400.0


def some_record() -> Record:
    """What wakes the agent; it looks at tables only."""
    return carried("PERSON_COMMANDS", "person.commands.create", b"{}", 1, 0)


async def test_an_outcome_that_is_older_than_its_life_is_removed_with_a_tombstone(
    worker: Worker, persons: Persons
) -> None:
    first, second = [persons.create(persons.new(), name).with_id() for name in ("Old", "Older")]
    await worker.decide(first, second)
    assert len(worker.rows()["outcomes"]) == 2

    await worker.run([ExpireOutcomes(worker.outcomes, keep_s=-1.0)], [some_record()])

    assert worker.rows()["outcomes"] == []


async def test_an_outcome_stays_for_its_whole_life(worker: Worker, persons: Persons) -> None:
    command = persons.create(persons.new(), "Young").with_id()
    await worker.decide(command)

    await worker.run([ExpireOutcomes(worker.outcomes, keep_s=DAY_S)], [some_record()])

    assert [key.decode() for key, _ in worker.rows()["outcomes"]] == [command.id]


async def test_every_row_is_looked_at_in_turn(worker: Worker, persons: Persons) -> None:
    await worker.decide(*[persons.create(persons.new(), f"Number {number}") for number in range(7)])
    keys = [key for key, _ in worker.rows()["outcomes"]]
    agent = ExpireOutcomes(worker.outcomes, keep_s=-1.0)

    looked_at: list[bytes] = []
    for _ in range(8):
        view = TableView(worker.outcomes.table, P)
        await agent.process(Batch(P, [some_record()], {worker.outcomes.table.name: view}))
        looked_at += view.staged

    assert ROWS_PER_COMMAND == 2
    assert looked_at == [*keys, *keys]


async def test_a_row_of_the_running_cycle_is_left_alone(worker: Worker, persons: Persons) -> None:
    command = persons.create(persons.new(), "Again").with_id()
    await worker.decide(command)
    assert command.id is not None
    view = TableView(worker.outcomes.table, P)
    outcomes.stage(view, command.id, outcomes.OutcomeRow("digest", b"{}"), 0)

    agent = ExpireOutcomes(worker.outcomes, keep_s=DAY_S)
    await agent.process(Batch(P, [some_record()], {worker.outcomes.table.name: view}))

    assert view.staged[command.id.encode()] is not None


async def test_a_command_whose_outcome_was_removed_has_no_second_effect(worker: Worker, persons: Persons) -> None:
    person_id = persons.new()
    command = persons.create(person_id, "Once", command_id=str(uuid.uuid4()))
    first = await worker.decide(command)
    await worker.fold(await persons.stored(person_id))
    await worker.run([ExpireOutcomes(worker.outcomes, keep_s=-1.0)], [some_record()])
    assert worker.rows()["outcomes"] == []

    again = await worker.decide(command)

    assert again == first
    assert await persons.sequences(person_id) == [1]
