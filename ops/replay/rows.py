"""Replays events through the fold of an agent into rows: lines of a file, or records of a new changelog topic.

Guarantee: rows come partition by partition and in the order of their keys, from events up to where the stream ended when the replay began;
one that was cut off goes on behind the last whole partition and ends with the same bytes."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from nats.aio.client import Client

from bridge.topics import ensure_topics
from config.generations import tokens_of
from config.settings import Settings
from config.topics import TABLES, Topic
from domain.events import read_event
from domain.ids import is_person_id
from domain.partitions import partition_of
from domain.person import Person
from lanes.producer import DurableProducer, OutgoingBatch, OutgoingRecord
from ops.migrating.progress import phase
from ops.model_rows import PersonModels
from ops.replay.folds import FOLDS
from ops.replay.lines import LineFile
from ops.replay.reading import end_of_stream, selected
from ops.replay.selection import Selection
from ops.verify.pace import Pace

AT_ONCE = 500


class ReplayError(Exception):
    """What was asked for makes no rows; the message says why."""


class Row(NamedTuple):
    """A row and the partition that it belongs to."""

    partition: int
    key: str
    row: dict[str, Any]


@dataclass
class Made:
    """What a replay through a fold has made. `stopped` persons have an event that cannot be folded: their rows are those before it."""

    agent: str
    rows: int = 0
    persons: int = 0
    events: int = 0
    partitions: int = 0
    resumed_behind: int = 0
    last_sequence: int = 0
    seconds: float = 0.0
    stopped: list[str] = field(default_factory=list)

    def as_data(self) -> dict[str, Any]:
        """For machines."""
        return {**self.__dict__, "seconds": round(self.seconds, 2)}

    def as_text(self) -> str:
        """For people."""
        lines = [f"{one}: an event cannot be folded; its rows are those before it" for one in self.stopped]
        behind = f", resumed behind partition {self.resumed_behind - 1}" if self.resumed_behind else ""
        lines.append(
            f"{self.rows} rows of {self.agent} for {self.persons} persons from {self.events} events "
            f"in {self.seconds:.1f} s{behind}"
        )
        return "\n".join(lines)


Take = Callable[[int, Sequence[Row]], Awaitable[None]]


def foldable(selection: Selection) -> Selection:
    """The selection, if a fold can begin with it: persons are folded from their first event on. Raises ReplayError."""
    if selection.types or selection.first_sequence > 1 or selection.since is not None:
        raise ReplayError(
            "--agent folds each person from its first event on: leave --type, --from-sequence and --since out"
        )
    return selection


async def count_rows(
    nc: Client, settings: Settings, selection: Selection, agent: str, *, rate: float | None, shown: bool
) -> Made:
    """Fold everything and write nothing."""
    made = Made(agent, last_sequence=await end_of_stream(nc))

    async def nobody(_partition: int, _rows: Sequence[Row]) -> None:
        """Only counted."""

    await _fold_all(nc, settings, selection, made, range(settings.partitions), rate, shown, nobody)
    return made


async def rows_into_file(
    nc: Client, settings: Settings, selection: Selection, agent: str, path: Path, *, rate: float | None, shown: bool
) -> Made:
    """Write a line `{"key", "partition", "row"}` for each row. Raises CheckpointError, and errors of the server."""
    with LineFile(path, {"rows": agent, "partitions": settings.partitions, "of": selection.digest}) as lines:
        last = int(lines.place.get("last", 0)) or await end_of_stream(nc)
        done = int(lines.place.get("done", 0))
        made = Made(agent, last_sequence=last, resumed_behind=done)

        async def write(partition: int, rows: Sequence[Row]) -> None:
            encoded = (orjson.dumps(one._asdict(), option=orjson.OPT_SORT_KEYS) for one in rows)
            lines.write(encoded, {"done": partition + 1, "last": last})

        await _fold_all(nc, settings, selection, made, range(done, settings.partitions), rate, shown, write)
        lines.complete()
    return made


async def rows_into_table(
    nc: Client,
    settings: Settings,
    selection: Selection,
    agent: str,
    table: str,
    *,
    rate: float | None,
    shown: bool,
) -> Made:
    """Write each row under its key to the compacted topic of a new table, partitioned as our tables are.

    One that was cut off is begun again: the same keys get the same rows. Raises ReplayError for a table of the installation.
    """
    if table in TABLES:
        raise ReplayError(f"--table {table}: is a table of the installation; name a new one")
    topic = f"{settings.app_id}-{table}-changelog"
    compacted = {"cleanup.policy": "compact", "max.message.bytes": str(settings.changelog_max_bytes)}
    await ensure_topics(settings.kafka, [Topic(topic, settings.partitions, settings.replicas, compacted)])
    made = Made(agent, last_sequence=await end_of_stream(nc))
    producer = DurableProducer(settings.kafka, client_id=f"{settings.app_id}-replay", max_batch_bytes=1 << 20)
    await producer.start()

    async def write(partition: int, rows: Sequence[Row]) -> None:
        now = int(time.time() * 1000)
        for begin in range(0, len(rows), AT_ONCE):
            records = [
                OutgoingRecord(one.key.encode(), orjson.dumps(one.row), now) for one in rows[begin : begin + AT_ONCE]
            ]
            await producer.write([OutgoingBatch(topic, partition, records)])

    try:
        await _fold_all(nc, settings, selection, made, range(settings.partitions), rate, shown, write)
    finally:
        await producer.stop()
    return made


async def _fold_all(
    nc: Client,
    settings: Settings,
    selection: Selection,
    made: Made,
    partitions: range,
    rate: float | None,
    shown: bool,
    take: Take,
) -> None:
    began = time.monotonic()
    pace = Pace(rate)
    with phase(f"replay {made.agent}", len(partitions), shown=shown) as advance:
        for partition in partitions:
            folded = await _fold(nc, settings, selection, partition, made, pace)
            rows = [
                Row(partition, key, row)
                for person_id in sorted(folded)
                for key, row in FOLDS[made.agent](folded[person_id])
            ]
            await take(partition, rows)
            made.rows += len(rows)
            made.persons += len(folded)
            made.partitions += 1
            advance(1)
    made.seconds = time.monotonic() - began


async def _fold(
    nc: Client, settings: Settings, selection: Selection, partition: int, made: Made, pace: Pace
) -> dict[str, PersonModels]:
    """The persons of a partition as the selected events tell them."""
    folded: dict[str, PersonModels] = {}
    stopped: set[str] = set()
    tokens = tokens_of(partition, settings.partitions, settings.stored_partitions)
    narrowed = replace(selection, tokens=tuple(tokens))
    async for some in selected(nc, narrowed, after=0, last=made.last_sequence):
        await pace.take(len(some))
        for one in some:
            person_id = one.subject.rpartition(".")[2]
            if not is_person_id(person_id) or partition_of(person_id, settings.partitions) != partition:
                continue
            made.events += 1
            if person_id in stopped:
                continue
            if person_id not in folded:
                folded[person_id] = PersonModels(Person.new(person_id), partition)
            try:
                folded[person_id].apply(read_event(one.data, subject=one.subject), one.stream_sequence)
            except Exception:
                # Bytes that are no event, a gap, a defect: it stops this person, as in the workers, and no other.
                stopped.add(person_id)
    made.stopped += sorted(stopped)
    return folded
