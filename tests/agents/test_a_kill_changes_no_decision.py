"""A worker that is killed between append and commit decides again: the outcomes are those of the first time, in the order of the commands."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from ops.client import CommandMessage

if TYPE_CHECKING:
    from tests.agents.conftest import Persons, Worker


async def test_a_refused_command_stays_refused_although_a_later_one_made_it_possible(
    persons: Persons, worker: Worker
) -> None:
    ada = persons.new()
    created = persons.create(ada, "Ada").with_id()
    reactivated = lifecycle("reactivate", ada)
    suspended = lifecycle("suspend", ada)
    await worker.decide(created)

    first = await worker.decide(reactivated, suspended)
    worker.forget_outcomes()
    again = await worker.decide(reactivated, suspended)

    assert [(one["status"], one["version"]) for one in first] == [("refused", 1), ("accepted", 2)]
    assert again == first
    assert await persons.sequences(ada) == [1, 2]


def lifecycle(verb: str, person_id: str) -> CommandMessage:
    command_id = str(uuid.uuid4())
    return CommandMessage(f"person.commands.lifecycle.{verb}", {"reason": "test"}, person_id, id=command_id).with_id()
