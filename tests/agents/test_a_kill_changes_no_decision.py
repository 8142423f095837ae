"""A worker that is killed between append and commit decides again: the outcomes are those of the first time, in the order of the commands."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from ops.client import CommandMessage

if TYPE_CHECKING:
    from tests.agents.conftest import Persons, Worker


@pytest.mark.parametrize("folded", [True, False], ids=["folded", "not folded"])
async def test_a_refused_command_stays_refused_although_a_later_one_has_made_it_possible(
    persons: Persons, worker: Worker, folded: bool
) -> None:
    ada = persons.new()
    await worker.decide(persons.create(ada, "Ada"))
    commands = [of(ada, "reactivate"), of(ada, "suspend"), of(ada, "suspend"), of(ada, "reactivate")]
    records = worker.commands(*commands)
    first = await worker.decide_records(records)
    assert [(one["status"], one["version"]) for one in first] == [
        ("refused", 1),
        ("accepted", 2),
        ("refused", 2),
        ("accepted", 3),
    ]

    if folded:
        await worker.fold(await persons.stored(ada))
    worker.forget_outcomes()
    again = await worker.decide_records(records)

    assert again == first
    assert await persons.sequences(ada) == [1, 2, 3]


async def test_it_stays_refused_when_the_later_one_comes_in_a_later_cycle_this_time(
    persons: Persons, worker: Worker
) -> None:
    ada = persons.new()
    await worker.decide(persons.create(ada, "Ada"))
    reactivated, suspended = of(ada, "reactivate"), of(ada, "suspend")
    records = worker.commands(reactivated, suspended)
    first = await worker.decide_records(records)
    worker.forget_outcomes()

    again = [*await worker.decide_records(records[:1]), *await worker.decide_records(records[1:])]

    assert again == first
    assert await persons.sequences(ada) == [1, 2]


async def test_what_came_of_no_later_command_is_seen(persons: Persons, worker: Worker) -> None:
    ada = persons.new()
    await persons.append(ada, "Ada")

    [refused] = await worker.decide(of(ada, "reactivate"))

    assert refused["version"] == 1


async def test_a_hundred_commands_of_one_person_in_one_cycle_take_effect_once(persons: Persons, worker: Worker) -> None:
    ada = persons.new()
    commands: list[CommandMessage] = [persons.create(ada, "Ada").with_id()]
    commands += [of(ada, "reactivate" if number % 2 else "suspend") for number in range(99)]
    records = worker.commands(*commands)
    first = await worker.decide_records(records)
    worker.forget_outcomes()

    again = await worker.decide_records(records)

    assert again == first
    assert await persons.sequences(ada) == [*range(1, 101)]


def of(person_id: str, verb: str) -> CommandMessage:
    command_id = str(uuid.uuid4())
    return CommandMessage(f"person.commands.lifecycle.{verb}", {"reason": "test"}, person_id, id=command_id).with_id()
