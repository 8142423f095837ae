"""Where migrated events come from: a JetStream stream or a file with one event a line, read as often as needed.

Guarantee: every read gives the same records in the same order, up to where the source ended when it was opened; nothing is changed
in it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from nats.aio.client import Client
from nats.errors import Error as NatsError

from bridge.errors import BridgeError
from bridge.jetstream import STREAM_NOT_FOUND, JetStreamError, OrderedPull, api
from config.streams import EVENTS, SECOND_NS
from ops.stream_name import is_stream_name

CHUNK = 1000
SILENCE_S = 2.0
ANSWERS_MISSED = 15


class MigrationSourceError(Exception):
    """The source cannot be read; the message says what to do."""


class SourceRecord(NamedTuple):
    """Bytes of one event, and where they stand: a stream sequence and its subject, or a line number."""

    position: int
    data: bytes
    subject: str = ""


class Source(Protocol):
    """What events are read from."""

    @property
    def name(self) -> str:
        """The stream or the file."""

    @property
    def records(self) -> int:
        """How many there are."""

    def chunks(self) -> AsyncIterator[Sequence[SourceRecord]]:
        """All records from the first one on."""


async def open_source(nc: Client, name: str) -> Source:
    """The file of this name, else the stream. Raises MigrationSourceError."""
    file = await asyncio.to_thread(_file, name)
    if file is not None:
        return file
    if name == EVENTS:
        raise MigrationSourceError(f"{EVENTS} is the target: its old events are read as current ones where they are")
    try:
        found = await api(nc, f"STREAM.INFO.{name}") if is_stream_name(name) else None
    except JetStreamError as error:
        if error.code != STREAM_NOT_FOUND:
            raise
        found = None
    if found is None:
        raise MigrationSourceError(f"there is neither a file nor a stream {name!r}")
    if found["config"]["retention"] != "limits":
        raise MigrationSourceError(
            f"stream {name} has retention {found['config']['retention']}: reading it would remove events. "
            "Copy it to a stream with retention limits first"
        )
    return StreamSource(nc, name, found["state"])


class FileSource:
    """A file with one event in JSON a line; empty lines are passed over."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path
        with path.open("rb") as lines:
            self.records = sum(1 for line in lines if line.strip())

    async def chunks(self) -> AsyncIterator[Sequence[SourceRecord]]:
        """The lines; their numbers are the positions."""
        chunk: list[SourceRecord] = []
        with self._path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    chunk.append(SourceRecord(number, line))
                if len(chunk) == CHUNK:
                    yield chunk
                    chunk = []
        if chunk:
            yield chunk


class StreamSource:
    """A stream behind a stream sequence, up to its last message when it was opened."""

    def __init__(self, nc: Client, name: str, state: dict[str, Any], *, after: int = 0) -> None:
        self.name = name
        self.records = int(state["messages"])
        self._nc = nc
        self._after = after
        self._end = int(state["last_seq"])

    async def chunks(self) -> AsyncIterator[Sequence[SourceRecord]]:
        """The messages; their stream sequences are the positions."""
        if not self.records or self._after >= self._end:
            return
        reader = f"person_migrate_{uuid.uuid4().hex}"
        config = {
            "name": reader,
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": self._after + 1,
            "ack_policy": "all",
            "ack_wait": 3600 * SECOND_NS,
            "max_ack_pending": -1,
            "inactive_threshold": 60 * SECOND_NS,
        }
        body = {"stream_name": self.name, "config": config, "action": "create"}
        waiting = int((await api(self._nc, f"CONSUMER.CREATE.{self.name}.{reader}", body))["num_pending"])
        pull = OrderedPull(self._nc, self.name, reader, batch=CHUNK)
        await pull.start()
        try:
            async for chunk in self._read(pull, waiting):
                yield chunk
        finally:
            await pull.stop()
            # Without an answer it goes by itself once nobody reads it.
            with suppress(BridgeError, NatsError, TimeoutError):
                await api(self._nc, f"CONSUMER.DELETE.{self.name}.{reader}")

    async def _read(self, pull: OrderedPull, waiting: int) -> AsyncIterator[Sequence[SourceRecord]]:
        last = read = missed = 0
        while read < waiting and last < self._end:
            # After a reset the messages since the last acknowledgement come again.
            found = [one for one in await pull.next(SILENCE_S) if last < one.stream_sequence <= self._end]
            missed = 0 if found else missed + 1
            if missed == ANSWERS_MISSED:
                raise BridgeError(f"stream {self.name} gave {read} of {waiting} messages and then no more")
            if not found:
                continue
            yield [SourceRecord(one.stream_sequence, one.data, one.subject) for one in found]
            last, read = found[-1].stream_sequence, read + len(found)
            await pull.acknowledge(found[-1])


def _file(name: str) -> FileSource | None:
    path = Path(name)
    return FileSource(path) if path.is_file() else None
