"""Commands that flow while generations change: persons are created and changed, some commands are refused, some come twice.

It keeps what it was told, so that it can ask afterwards whether it is still the same."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections import Counter
from typing import Any

from ops.client import ClientError, CommandMessage, PersonClient, QueryFailed

OUTCOME_WITHIN_S = 60.0
CONCURRENT = 64
ASK_EVERY_S = 0.01
NAMESPACE = uuid.UUID("0190c8a2-7b1e-7c3d-9a4f-0000000000aa")


def person_id(number: int) -> str:
    """The person of a number."""
    return str(uuid.uuid5(NAMESPACE, f"person {number}"))


def creation(number: int) -> CommandMessage:
    """The command that creates it, with a name that a shipped policy flags: one effect for each person."""
    name = {"given_names": ["A"], "family_names": ["Lovelace"]}
    return CommandMessage(
        "person.commands.create",
        {"name": name, "source": "load"},
        person_id(number),
        actor="user:load",
        id=str(uuid.uuid5(NAMESPACE, f"create {number}")),
        source="/tests/generations",
    )


class Load:
    """Sends commands until it is told to stop; `told` holds the outcome of each by command id."""

    def __init__(self, client: PersonClient, *, per_s: float, seed: int, persons: int) -> None:
        self.told: dict[str, dict[str, Any]] = {}
        self.sent: dict[str, CommandMessage] = {}
        self.longest_s = 0.0
        self.answered = 0
        self.unanswered: Counter[str] = Counter()
        self._client = client
        self._per_s = per_s
        self._chance = random.Random(seed)
        self._persons = persons
        self._slots = asyncio.Semaphore(CONCURRENT)
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    @property
    def persons(self) -> int:
        """How many persons were asked for."""
        return self._persons

    async def create(self, numbers: range) -> None:
        """Create persons as fast as they are decided."""
        async with asyncio.TaskGroup() as group:
            for number in numbers:
                group.create_task(self._send(creation(number)))

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Send no more, and wait until every command has its outcome."""
        self._stopping = True
        if self._task is not None:
            await self._task

    async def summary(self, number: int) -> list[dict[str, Any]]:
        """The summary of the person of a number, as clients are shown it who have heard of its creation."""
        created = self.told[str(creation(number).id)]["position"]
        asked = {"projection": "summary", "key": person_id(number), "min_position": created, "timeout_ms": 9000}
        found: list[dict[str, Any]] = (await self._client.query("get_projection", asked))["data"]
        return found

    async def ask(self) -> None:
        """Ask for one row again and again until the load stops; what is not answered is counted by its error."""
        while not self._stopping:
            try:
                await self.summary(0)
                self.answered += 1
            except (ClientError, QueryFailed) as error:
                self.unanswered[str(error) if isinstance(error, ClientError) else error.code] += 1
            await asyncio.sleep(ASK_EVERY_S)

    async def repeat(self, many: int) -> list[str]:
        """Send commands again that were decided long ago; returns the ids of those that are answered otherwise now."""
        ids = self._chance.sample(sorted(self.told), min(many, len(self.told)))
        differing = []
        for command_id in ids:
            again = await self._client.send(self.sent[command_id], timeout_s=OUTCOME_WITHIN_S)
            if again != self.told[command_id]:
                differing.append(command_id)
        return differing

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.ask())
            began, number = time.monotonic(), 0
            while not self._stopping:
                number += 1
                group.create_task(self._send(self._next(number)))
                await asyncio.sleep(max(0.0, began + number / self._per_s - time.monotonic()))

    def _next(self, number: int) -> CommandMessage:
        kind = self._chance.random()
        if kind < 0.04:
            # A saga follows: the target absorbs the source, and a neighbour that never answers is asked.
            source, target = self._chance.sample(range(self._persons), 2)
            merge = {"target_person_id": person_id(target), "merge_reason": "DuplicateIdentity"}
            return self._command("merge", merge, person_id(source), str(uuid.uuid5(NAMESPACE, f"merge {number}")))
        if kind < 0.2:
            self._persons += 1
            return creation(self._persons - 1)
        whom = person_id(self._chance.randrange(self._persons))
        command_id = str(uuid.uuid5(NAMESPACE, f"command {number} {self._chance.random()}"))
        if kind < 0.3:
            # Refused by its form, so its outcome names no person.
            return self._command("lifecycle.reactivate", {}, whom, command_id)
        if kind < 0.45:
            # Refused unless the person is suspended.
            return self._command("lifecycle.reactivate", {"reason": "load"}, whom, command_id)
        if kind < 0.6:
            return self._command("lifecycle.suspend", {"reason": "load"}, whom, command_id)
        data = {"component_type": "Skill", "data": {"name": f"Skill {number}", "category": "Programming"}}
        return self._command("component.add", data, whom, command_id)

    def _command(self, kind: str, data: dict[str, Any], whom: str, command_id: str) -> CommandMessage:
        return CommandMessage(
            f"person.commands.{kind}", data, whom, actor="user:load", id=command_id, source="/tests/generations"
        )

    async def _send(self, message: CommandMessage) -> None:
        message = message.with_id()
        assert message.id is not None
        async with self._slots:
            began = time.monotonic()
            self.sent[message.id] = message
            while True:
                try:
                    outcome = await self._client.send(message, timeout_s=OUTCOME_WITHIN_S)
                    break
                except ClientError:
                    if time.monotonic() - began > OUTCOME_WITHIN_S:
                        raise
            self.told[message.id] = outcome
            self.longest_s = max(self.longest_s, time.monotonic() - began)
