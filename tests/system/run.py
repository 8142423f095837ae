"""One run of the whole system against the pure model: real servers, two workers that are killed and stopped at random, and a seed."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import orjson

from domain.commands import COMMANDS
from local.stack import Endpoints
from ops.client import PersonClient
from ops.workers import Worker
from tests.system import comparison
from tests.system.as_stored import StoredCommands
from tests.system.expected_answers import Expected
from tests.system.model import Model
from tests.system.population import Population, Sent
from tests.system.restarts import Restarts
from tests.system.sender import Sender

SETTINGS = {"PERSON_SHIPPED_POLICIES": "false"}
"""Of the workers: what policies send rests on time, which the model does not have."""


@dataclass(frozen=True)
class Plan:
    """How much is asked; `restarts` are random ones all the time, or else a single SIGKILL in the first round."""

    seed: int
    persons: int
    rounds: int
    commands_each: int
    merges: int
    questions: int
    restarts: bool


@dataclass
class Findings:
    """What was asked, and everything in which servers and model differ."""

    commands: int = 0
    events: int = 0
    accepted: int = 0
    codes: dict[str, int] = field(default_factory=dict)
    never_accepted: list[str] = field(default_factory=list)
    answers: int = 0
    differences: list[str] = field(default_factory=list)
    happened: list[str] = field(default_factory=list)


async def run(plan: Plan, servers: Endpoints, team: Sequence[Worker], say: Callable[[str], None]) -> Findings:
    """Ask everything, heal, and compare."""
    chance = random.Random(f"{plan.seed} run")
    begun = time.monotonic()

    def tell(text: str) -> None:
        say(f"{time.monotonic() - begun:6.1f} s  {text}")

    found = Findings()
    restarts = Restarts(team, random.Random(f"{plan.seed} restarts"))
    async with PersonClient(servers.nats_url) as client:
        sender = Sender(client.nc)
        await sender.start()
        stored = StoredCommands(client.nc, Model())
        await stored.start()
        # Its own model tells it what is worth asking; what sagas do meanwhile is not in it.
        population = Population(Model(), sender, persons=plan.persons, seed=plan.seed)
        if plan.restarts:
            restarts.start()
        try:
            await population.create()
            for number in range(plan.rounds):
                if not plan.restarts and number == 0:
                    await _live_through_a_kill(population, restarts, plan, chance.choice(team))
                else:
                    await population.live(plan.commands_each)
                await population.merge(plan.merges)
                tell(f"round {number + 1} of {plan.rounds}: {len(population.sent)} messages are answered")
        finally:
            await restarts.stop()
        await stored.settle()
        tell("the sagas are quiet")
        model = stored.model
        sent = [replace(one, expected=stored.told[one.asked]) for one in population.sent]
        found.happened = restarts.happened
        found.commands = len(sent)
        found.answers = sum(map(len, sender.answers))
        found.events = sum(map(len, model.events.values()))
        _count(found, model, sent)
        await _compare(client, sent, model, sender, plan, chance, found, tell)
    return found


async def _live_through_a_kill(population: Population, restarts: Restarts, plan: Plan, victim: Worker) -> None:
    async with asyncio.TaskGroup() as group:
        living = group.create_task(population.live(plan.commands_each))
        await asyncio.sleep(0.5)
        group.create_task(restarts.one(victim, kill=True, away_s=0.0))
        await living


async def _compare(
    client: PersonClient,
    sent: Sequence[Sent],
    model: Model,
    sender: Sender,
    plan: Plan,
    chance: random.Random,
    found: Findings,
    tell: Callable[[str], None],
) -> None:
    answers = [answer for of_message in sender.answers for answer in of_message]
    found.differences += comparison.outcomes(sent, sender.answers)
    found.differences += await comparison.events(client.nc, model)
    found.differences += await comparison.positions(client.nc, answers)
    tell("outcomes and events are compared")
    found.differences += await comparison.recorded_outcomes(client, model, answers)
    tell("kept outcomes are compared")
    differences, folded = await comparison.tables(client)
    found.differences += differences
    tell("tables are compared")
    found.differences += await comparison.queries(client, Expected(folded.values()), chance, count=plan.questions)
    tell("queries are compared")


def _count(found: Findings, model: Model, sent: Sequence[Sent]) -> None:
    for outcome in model.outcomes.values():
        code = outcome.get("code", "accepted")
        found.codes[code] = found.codes.get(code, 0) + 1
    found.accepted = found.codes.get("accepted", 0)
    accepted = {
        document.get("type")
        for one in sent
        if one.expected["status"] == "accepted"
        for document in [orjson.loads(one.asked.raw)]
    }
    found.never_accepted = sorted(COMMANDS.keys() - accepted)
