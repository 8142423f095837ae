"""Merges that are being decided: each is announced in JetStream under its source before its target is looked at.

Guarantee: of merges that together would lead from a person back to itself, decided by any lanes at the same time, one is decided on what
became of another, or not at all. An append checks its source alone, so this is what keeps two persons from being merged into each other."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from nats.aio.client import Client

from agents.publishing import publish
from bridge import read
from bridge.errors import AppendRefusedError
from bridge.read import StoredMessage
from config.streams import POSITIONS

PATIENCE_S: Final = 1.0
"""How long persons with lower ids wait for what becomes of others, all of a cycle together."""
PAUSE_S: Final = 0.01
LONGEST: Final = timedelta(minutes=10)
"""An announcement that is older by the server's clock is of a decision that will not come: the server has ended its connection."""

DONE: Final = b""


@dataclass
class Patience:
    """What is left of the time that the merges of one cycle may wait for others, in seconds."""

    left_s: float = PATIENCE_S


@dataclass
class Intent:
    """An announcement of this worker: its place in the stream, when it was made by the clock of the loop, and who was found free since."""

    sequence: int
    since: float
    free: set[str] = field(default_factory=set)


def intent_subject(person_id: str) -> str:
    """Where it is announced that a person may be merged away."""
    return f"person.positions.merging.{person_id}"


class MergeIntents:
    """Announces merges and looks for those of others. Who decides about a person announces only its own merges."""

    def __init__(self, nc: Client) -> None:
        self._nc = nc
        self._announced: dict[str, Intent] = {}

    def may_be_merged(self, source_id: str) -> bool:
        """Whether an earlier try has found a target free, and nothing was taken back since: what it has appended may be stored yet."""
        held = self._announced.get(source_id)
        return held is not None and bool(held.free) and self._is_young(held)

    async def announce(self, source_id: str, command_id: str) -> None:
        """Say that a command is about to merge a person away. Returns once it is stored; raises errors of the server.

        What an earlier try has announced stands if nobody has replaced it, and so does whom that has found free: who came behind it gives way.
        """
        subject, now = intent_subject(source_id), asyncio.get_running_loop().time()
        held = self._announced.get(source_id)
        if held is not None and self._is_young(held):
            standing = await self._newest(subject)
            if standing is not None and standing.stream_sequence == held.sequence:
                return
        self._announced[source_id] = Intent(await self._store(subject, command_id.encode()), now)

    async def withdraw(self, source_id: str) -> None:
        """Take back what this worker has announced of a person, if it has; only once it is known what became of the append.

        What another worker has announced behind it, because it has taken the partition over, stays.
        """
        announced = self._announced.pop(source_id, None)
        if announced is not None:
            with suppress(AppendRefusedError):
                await self._store(intent_subject(source_id), DONE, replacing=announced.sequence)

    async def is_free(self, source_id: str, target_id: str, patience: Patience) -> bool:
        """Whether nobody is about to merge the target away, so that it may be looked at. To be asked behind `announce`.

        Of two that are in each other's way the one with the higher id gives way at once, the other waits for it. Who was found free stays
        so under the same announcement: the append of an earlier try may be stored yet, so that it is too late to give way.
        """
        free = self._announced[source_id].free
        if target_id in free:
            return True
        loop = asyncio.get_running_loop()
        is_merging = await self._is_merging(source_id, target_id)
        while is_merging and source_id < target_id and patience.left_s > 0:
            began = loop.time()
            await self._rest()
            is_merging = await self._is_merging(source_id, target_id)
            patience.left_s -= loop.time() - began
        if not is_merging:
            free.add(target_id)
        return not is_merging

    def _is_young(self, held: Intent) -> bool:
        # Half of the time leaves the other half to the append that rests on it.
        return asyncio.get_running_loop().time() - held.since < LONGEST.total_seconds() / 2

    async def _is_merging(self, source_id: str, target_id: str) -> bool:
        other = await self._newest(intent_subject(target_id))
        if other is None or other.data == DONE:
            return False
        own = await self._newest(intent_subject(source_id))
        return own is None or own.stored_at - other.stored_at < LONGEST

    async def _store(self, subject: str, data: bytes, *, replacing: int | None = None) -> int:
        headers = {} if replacing is None else {"Nats-Expected-Last-Subject-Sequence": str(replacing)}
        return await publish(self._nc, subject, data, headers)

    async def _newest(self, subject: str) -> StoredMessage | None:
        return await read.last_message(self._nc, POSITIONS, subject)

    async def _rest(self) -> None:
        await asyncio.sleep(PAUSE_S)
