"""The persons of a run and what is asked of them, by a seed: rounds in which every person gets commands, and quiet moments between
them in which persons are merged."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from domain.ids import derive
from domain.status import Status
from tests.system.asking import Asked, absorb, commands, creation, merge, with_other_content
from tests.system.model import Model
from tests.system.seeded_draws import SeededDraws
from tests.system.sender import Sender

ANSWER_S = 90.0
IN_FLIGHT = 64
GIVEN = ("Ada", "Grace", "Joan", "Anna", "Anne", "太郎", "José", "Ludwig")
FAMILY = ("Lovelace", "Hopper", "Clarke", "Müller", "Love", "山田", "O'Brien", "van Beethoven")


Decided = tuple[Asked, dict[str, Any]]
"""A message, and its outcome as the model has decided."""


@dataclass(frozen=True)
class Sent:
    """A message, the outcome that the model has decided, and its number with the sender."""

    asked: Asked
    expected: dict[str, Any]
    number: int


class Population:
    """Asks and decides: the model decides each message when it is made, so it is ahead of the servers."""

    def __init__(self, model: Model, sender: Sender, *, persons: int, seed: int) -> None:
        self.model = model
        self.sent: list[Sent] = []
        self._sender = sender
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self._chance = random.Random(f"{seed} population")
        self._draws: dict[str, SeededDraws] = {}
        self._creations: dict[str, tuple[str, str | None]] = {}
        self._said: dict[str, list[Asked]] = {}
        for number in range(persons):
            draws = SeededDraws(f"{seed} person {number}")
            command_id, own_id = _uuid(draws.random), _uuid(draws.random)
            person_id = own_id if number % 2 else derive(command_id, "person")
            self._draws[person_id] = draws
            self._creations[person_id] = command_id, own_id if number % 2 else None
            self._said[person_id] = []
        self.person_ids = [*self._draws]

    async def create(self) -> None:
        """Everybody is created."""
        async with asyncio.TaskGroup() as group:
            for person_id in self.person_ids:
                group.create_task(self._create(person_id))

    async def live(self, commands_each: int) -> None:
        """Everybody gets some commands; those of some are sent before the earlier ones are answered."""
        async with asyncio.TaskGroup() as group:
            for person_id in self._chance.sample(self.person_ids, len(self.person_ids)):
                group.create_task(self._live(person_id, commands_each))

    async def merge(self, pairs: int) -> None:
        """Some persons are merged into others, and most of those take over what they had; the other persons rest."""
        for _ in range(pairs):
            source, target = self._chance.sample(self.person_ids, 2)
            await self._ask(self._decided(source, merge(source, target, _uuid(self._chance))))
            person = self.model.person(source)
            if person.status is not Status.MERGED_INTO:
                source = self._chance.choice(self.person_ids)
            elif self._chance.random() < 0.8:
                target = person.merged_into or target
            version = self.model.person(source).version + (self._chance.random() < 0.1)
            for _ in range(1 + (self._chance.random() < 0.2)):
                asked = absorb(target, source, version, _uuid(self._chance))
                await self._ask(self._decided(target, asked))

    async def _live(self, person_id: str, count: int) -> None:
        is_patient = self._draws[person_id].random.random() < 0.4
        async with self._slots:
            if is_patient:
                for _ in range(count):
                    await self._ask(*self._next(person_id, 1))
            else:
                await self._ask(*self._next(person_id, count))

    async def _create(self, person_id: str) -> None:
        async with self._slots:
            await self._ask(self._decided(person_id, self._creation(person_id)))

    def _creation(self, person_id: str) -> Asked:
        chance = self._draws[person_id].random
        name = {"given_names": [chance.choice(GIVEN)], "family_names": [chance.choice(FAMILY)]}
        command_id, own_id = self._creations[person_id]
        return creation(name, command_id, own_id, onboarding=chance.random() < 0.2)

    def _next(self, person_id: str, count: int) -> Iterator[Decided]:
        """Some commands, and now and then one comes again, or something else comes under an old id."""
        draws = self._draws[person_id]
        for _ in range(count):
            asked = draws(commands(self.model.person(person_id), self.person_ids, _uuid(draws.random)))
            yield self._decided(person_id, asked)
            again = draws.random.random()
            if again < 0.08:
                yield self._decided(person_id, draws.random.choice(self._said[person_id]))
            elif again < 0.1:
                yield self._decided(person_id, with_other_content(self._said[person_id][0]))

    def _decided(self, person_id: str, asked: Asked) -> Decided:
        """The model goes on; the servers follow."""
        self._said[person_id].append(asked)
        return asked, self.model.decide(asked)

    async def _ask(self, *decided: Decided) -> None:
        """Send messages behind each other without waiting in between; returns when all are answered."""
        numbers = await self._sender.send(*(asked for asked, _ in decided))
        self.sent += [Sent(*one, number) for one, number in zip(decided, numbers, strict=True)]
        for (asked, _), number in zip(decided, numbers, strict=True):
            try:
                await self._sender.answer(number, ANSWER_S)
            except TimeoutError:
                command_id = orjson.loads(asked.raw).get("id")
                raise AssertionError(f"command {command_id} has no outcome after {ANSWER_S:g} s") from None


def _uuid(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))
