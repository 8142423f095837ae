"""What the event stream holds of a person; the only record of how far a migration is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import NamedTuple

import orjson
from nats.aio.client import Client

from bridge import read
from bridge.jetstream import STREAM_NOT_FOUND, JetStreamError, api
from bridge.read import StoredMessage
from config.streams import EVENTS
from domain.subjects import person_filter
from ops.migrating.source import MigrationSourceError

CONCURRENT = 64


class Head(NamedTuple):
    """The newest event of a person; zeros and no id before the first."""

    sequence: int = 0
    event_id: str = ""
    stream_sequence: int = 0


class Target:
    """The event stream of the installation."""

    def __init__(self, nc: Client, end: int) -> None:
        self.nc = nc
        self.end = end
        """Where it ended when it was opened."""

    @classmethod
    async def open(cls, nc: Client) -> Target:
        """Raises MigrationSourceError when the stream is not there yet."""
        try:
            state = (await api(nc, f"STREAM.INFO.{EVENTS}"))["state"]
        except JetStreamError as error:
            if error.code != STREAM_NOT_FOUND:
                raise
            raise MigrationSourceError(
                f"the stream {EVENTS} does not exist yet. Start a worker once; it creates the streams"
            ) from None
        return cls(nc, int(state["last_seq"]))

    async def heads(self, person_ids: Iterable[str]) -> Mapping[str, Head]:
        """The newest events of some persons as they are now, or as they were when the stream was opened empty."""
        return await self.heads_now(person_ids) if self.end else {}

    async def heads_now(self, person_ids: Iterable[str]) -> Mapping[str, Head]:
        """The newest events of some persons; a person without events is left out."""
        last = await self._each(person_ids, lambda subject: read.last_message(self.nc, EVENTS, subject))
        return {person_id: _head(message) for person_id, message in last.items()}

    async def first_sequence(self, person_ids: Iterable[str]) -> int:
        """The lowest stream sequence of an event of some persons; behind the end for persons without any."""
        first = await self._each(person_ids, lambda subject: read.first_message(self.nc, EVENTS, subject))
        return min((message.stream_sequence for message in first.values()), default=self.end + 1)

    async def _each(
        self, person_ids: Iterable[str], ask: Callable[[str], Awaitable[StoredMessage | None]]
    ) -> dict[str, StoredMessage]:
        slots = asyncio.Semaphore(CONCURRENT)
        found: dict[str, StoredMessage] = {}

        async def look(person_id: str) -> None:
            async with slots:
                message = await ask(person_filter(person_id))
            if message is not None:
                found[person_id] = message

        async with asyncio.TaskGroup() as group:
            for person_id in person_ids:
                group.create_task(look(person_id))
        return found

    async def id_at(self, person_id: str, sequence: int) -> str | None:
        """The id of the event of a person with a sequence."""
        async for message in read.messages(self.nc, EVENTS, person_filter(person_id)):
            head = _head(message)
            if head.sequence == sequence:
                return head.event_id
        return None


def _head(message: StoredMessage) -> Head:
    try:
        document = orjson.loads(message.data)
        return Head(int(document["sequence"]), str(document["id"]), message.stream_sequence)
    except (ValueError, TypeError, LookupError):
        # No event of ours: whatever it is, a migration does not go on behind it.
        return Head(-1, "", message.stream_sequence)
