"""People and commands for an installation that is verified, saved and restored; what was answered is remembered."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from ops.client import ClientError, CommandMessage, PersonClient

AT_ONCE = 64
SKILL = {
    "component_type": "Skill",
    "data": {"name": "Rust", "category": "Programming", "proficiency": "Expert"},
}
COPY = {"type": "person.updated", "dataversion": 1, "data": {"name": {"given_names": ["Grace B."]}}}
MAIL = {"component_type": "EmailAddress", "data": {"email": {"address": "ada@example.org"}}}


class People:
    """Persons of all kinds, and the commands that made them with their outcomes."""

    def __init__(self, client: PersonClient) -> None:
        self._client = client
        self.ids: list[str] = []
        self.answered: list[tuple[CommandMessage, dict[str, Any]]] = []

    async def add(self, many: int) -> None:
        """Create persons, some of whom are suspended, archived, onboarded or refused something."""
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(number: int) -> None:
            async with slots:
                await self._live(str(uuid.uuid4()), number)

        await asyncio.gather(*(one(number) for number in range(many)))

    async def quarantine(self) -> None:
        """Two persons get an event that nobody can read: one waits from then on, for the other an edited copy is folded."""
        for is_edited in (False, True):
            created = {"name": {"given_names": ["Grace"]}, "source": "tests"}
            made = await self._client.send(CommandMessage("person.commands.create", created), timeout_s=30)
            person_id = made["person_id"]
            asked = {"person_id": person_id, "min_position": made["position"], "timeout_ms": 10_000}
            stored = (await self._client.query("get_events", asked))["data"][0]["stored"]
            poison = {**json.loads(stored), "id": str(uuid.uuid4()), "type": "person.teleported", "sequence": 2}
            subject = f"person.events.identity.updated.{person_id}"
            await self._client.nc.request(subject, json.dumps(poison).encode(), timeout=5)
            letters: list[dict[str, Any]] = []
            async with asyncio.timeout(20):
                while len(letters) < 2:
                    letters = (await self._client.query("list_dead_letters", {"person_id": person_id}))["data"]
            if is_edited:
                await self._edit(letters, {**poison, **COPY})

    async def _edit(self, letters: Sequence[Mapping[str, Any]], copy: Mapping[str, Any]) -> None:
        act = {"by": "user:test", "why": "a test", "timeout_ms": 10_000}
        first = {**act, "letter": letters[0]["letter"], "data": json.dumps(copy)}
        await self._client.query("edit_dead_letter", first)
        for letter in letters:
            done = await self._client.query("redrive_dead_letter", {**act, "letter": letter["letter"]})
            assert done["data"]["done"], done

    async def keep_changing(self, per_second: float) -> None:
        """Change somebody now and then, until cancelled."""
        number = 0
        while True:
            began = time.monotonic()
            person_id = self.ids[number % len(self.ids)]
            number += 1
            with contextlib.suppress(ClientError):
                await self._send("update", {"name": {"given_names": [f"Ada{'abcdefghij'[number % 10]}"]}}, person_id)
            await asyncio.sleep(max(0.0, 1 / per_second - (time.monotonic() - began)))

    @contextlib.asynccontextmanager
    async def changing(self, per_second: float) -> AsyncIterator[None]:
        """Changes go on while this lasts."""
        task = asyncio.get_running_loop().create_task(self.keep_changing(per_second))
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _live(self, person_id: str, number: int) -> None:
        created = {"name": {"given_names": ["Ada"], "family_names": ["Lovelace"]}, "source": "tests"}
        await self._send("create", {**created, **({"onboarding": True} if number % 10 == 3 else {})}, person_id)
        await self._send("component.add", SKILL, person_id)
        await self._send("component.add", MAIL, person_id)
        if number % 4 == 1:
            await self._send("lifecycle.suspend", {"reason": "on leave"}, person_id)
            # Refused, and allowed later: who asks again after a restore must get the first answer.
            await self._send("component.add", SKILL, person_id)
            await self._send("lifecycle.activate", {"reason": "back"}, person_id)
        if number % 10 == 7:
            await self._send("lifecycle.archive", {"reason": "left"}, person_id)
        self.ids.append(person_id)

    async def _send(self, command: str, data: dict[str, Any], person_id: str) -> None:
        message = CommandMessage(f"person.commands.{command}", data, person_id).with_id()
        self.answered.append((message, await self._client.send(message, timeout_s=30)))
