"""Sends the commands of a round when they are due, whatever the servers do, as a careful client does.

A command that was not acknowledged, or whose outcome was `failed`, is sent again under its id; an outcome that was missed is asked for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import orjson
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from ops.client import REPLY_TO, ClientError, PersonClient, QueryFailed
from tests.chaos.ledger import Entry
from tests.chaos.load import DueCommand

ACKNOWLEDGE_S = 3.0
AGAIN_S = 0.7
MISSED_AFTER_S = 4.0
ASKED_AT_ONCE = 40
CONCURRENT_QUESTIONS = 8


class Sender:
    """One client of the installation, with a ledger over all rounds."""

    def __init__(self, client: PersonClient) -> None:
        self._client = client
        self._inbox = client.nc.new_inbox()
        self._by_id: dict[str, Entry] = {}
        self._waiting: set[str] = set()
        self._again: set[asyncio.Task[None]] = set()
        self._begun = time.monotonic()
        self.entries: list[Entry] = []

    async def start(self) -> None:
        """Listen for outcomes."""
        await self._client.nc.subscribe(f"{self._inbox}.*", cb=self._on_outcome)

    @property
    def now(self) -> float:
        """Seconds since the load of this round began."""
        return time.monotonic() - self._begun

    async def send(self, commands: Sequence[DueCommand], round_seed: int) -> list[Entry]:
        """Send all commands when they are due; returns when the last one was due, not when all are answered."""
        self._begun = time.monotonic()
        entries = [Entry(due, round_seed) for due in commands]
        self.entries.extend(entries)
        for entry in entries:
            self._by_id[entry.command_id] = entry
        copies = [(entry.due.at_s, entry) for entry in entries]
        copies += [(entry.due.again_at_s, entry) for entry in entries if entry.due.again_at_s is not None]
        end = max(entry.due.at_s for entry in entries)
        for at, entry in sorted(copies, key=lambda copy: copy[0]):
            await asyncio.sleep(max(0.0, min(at, end) - self.now))
            self._waiting.add(entry.command_id)
            self._in_background(entry)
        return entries

    def unanswered(self) -> list[Entry]:
        """Commands that were sent and whose outcome is not known."""
        return [self._by_id[command_id] for command_id in self._waiting]

    async def ask_for_missed(self) -> None:
        """Ask once for outcomes whose announcement may have been missed."""
        missed = [
            entry
            for entry in self.unanswered()
            if entry.acknowledged_at is not None and self.now - entry.acknowledged_at > MISSED_AFTER_S
        ][:ASKED_AT_ONCE]
        slots = asyncio.Semaphore(CONCURRENT_QUESTIONS)

        async def ask(entry: Entry) -> None:
            async with slots:
                with suppress(QueryFailed, ClientError):
                    self._note(await self.recorded(entry))

        await asyncio.gather(*(ask(entry) for entry in missed))

    async def recorded(self, entry: Entry) -> dict[str, Any]:
        """The outcome that the system has recorded; raises QueryFailed or ClientError."""
        reply = await self._client.query("get_outcome", {"command_id": entry.command_id})
        outcome: dict[str, Any] = reply["data"]
        return outcome

    async def stop(self) -> None:
        """Give up what is still being sent."""
        for task in self._again:
            task.cancel()
        await asyncio.gather(*self._again, return_exceptions=True)

    def _in_background(self, entry: Entry, after_s: float = 0.0) -> None:
        task = asyncio.create_task(self._deliver(entry, after_s))
        self._again.add(task)
        task.add_done_callback(self._again.discard)

    async def _deliver(self, entry: Entry, after_s: float) -> None:
        await asyncio.sleep(after_s)
        message = entry.due.message.with_id()
        headers = {REPLY_TO: f"{self._inbox}.{entry.command_id}", "Content-Type": "application/cloudevents+json"}
        data = orjson.dumps(message.envelope())
        while True:
            entry.attempts += 1
            try:
                reply = await self._client.nc.request(message.type, data, headers=headers, timeout=ACKNOWLEDGE_S)
                if "error" not in orjson.loads(reply.data):
                    break
            except (NatsError, TimeoutError, OSError):
                pass
            await asyncio.sleep(AGAIN_S)
        if entry.acknowledged_at is None:
            entry.acknowledged_at = self.now

    async def _on_outcome(self, message: Msg) -> None:
        self._note(orjson.loads(message.data))

    def _note(self, outcome: dict[str, Any]) -> None:
        entry = self._by_id.get(outcome["command_id"])
        if entry is None:
            return
        if outcome["status"] == "failed":
            self._in_background(entry, AGAIN_S)
            return
        entry.answer(outcome, self.now)
        self._waiting.discard(entry.command_id)
