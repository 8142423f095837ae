"""Table `policies`: what policies have decided in a partition, by policy and version, and what waits to be sent.

A row `<policy id>@<version>` holds counters and the latest decisions. Silent verdicts, which are most, are counted in one row of all
policies, with the stream sequence up to which events are in the counters. A row of the outbox holds the messages of one event until the
servers have acknowledged them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from lanes.table import LaneTable, TableView

NAME = "policies"

LATEST = 20
"""Decisions of a policy that a row names; the stream of decisions holds them all."""

_PROGRESS = b"__progress__"
_OUTBOX = b"__outbox__"


@dataclass
class PolicyRow:
    """What one version of a policy has decided in a partition, up to a stream sequence. `latest` holds the last decisions that were not silent, oldest first."""

    counts: dict[str, int] = field(default_factory=dict)
    latest: list[dict[str, Any]] = field(default_factory=list)
    stream_sequence: int = 0

    def add(self, verdict: str, decision: dict[str, Any]) -> None:
        """Count a decision and remember it."""
        self.counts[verdict] = self.counts.get(verdict, 0) + 1
        self.latest = [*self.latest, decision][-LATEST:]


@dataclass
class Progress:
    """The stream sequence up to which events are in the counters, and silent verdicts by policy that its row does not hold yet."""

    stream_sequence: int = 0
    silent: dict[str, int] = field(default_factory=dict)


class Message(NamedTuple):
    """Something to be published. `id` de-duplicates it."""

    subject: str
    id: str
    data: bytes


class Outgoing(NamedTuple):
    """The messages of one event. One that came `late` says nothing about those before it."""

    key: bytes
    stream_sequence: int
    late: bool
    messages: Sequence[Message]


class PoliciesTable:
    """Reads of the counters."""

    def __init__(self, table: LaneTable) -> None:
        self.table = table

    def rows(self, partition: int) -> Mapping[str, PolicyRow]:
        """The committed rows of a partition by `<policy id>@<version>`, silent verdicts included."""
        rows = {key.decode(): _row(value) for key, value in self.table.rows(partition)}
        value = self.table.get(partition, _PROGRESS)
        for name, silent in (Progress() if value is None else _progress(value)).silent.items():
            counts = rows.setdefault(name, PolicyRow()).counts
            counts["silent"] = counts.get("silent", 0) + silent
        return rows

    def outbox(self, partition: int) -> Iterator[Outgoing]:
        """What was committed and not removed, oldest first."""
        for key, value in self.table.scan(partition, _OUTBOX):
            row = orjson.loads(value)
            messages = [Message(one["subject"], one["id"], one["data"].encode()) for one in row["messages"]]
            yield Outgoing(key, row["stream_sequence"], row["late"], messages)


def progress(view: TableView) -> Progress:
    """The committed or staged progress of a partition."""
    value = view.get(_PROGRESS)
    return Progress() if value is None else _progress(value)


def stage_progress(view: TableView, reached: Progress) -> None:
    """Stage the progress of a partition."""
    view.put(_PROGRESS, orjson.dumps({"stream_sequence": reached.stream_sequence, "silent": reached.silent}))


def find(view: TableView, name: str) -> PolicyRow:
    """The row of a policy's version, staged or committed; an empty one before its first decision."""
    value = view.get(name.encode())
    return PolicyRow() if value is None else _row(value)


def stage(view: TableView, name: str, row: PolicyRow) -> None:
    """Stage the row of a policy's version."""
    value = {"counts": row.counts, "latest": row.latest, "stream_sequence": row.stream_sequence}
    view.put(name.encode(), orjson.dumps(value))


def stage_outgoing(view: TableView, stream_sequence: int, messages: Sequence[Message], *, late: bool) -> Outgoing:
    """Stage the messages of an event."""
    key = _OUTBOX + f"{stream_sequence:020d}".encode()
    told = [{"subject": one.subject, "id": one.id, "data": one.data.decode()} for one in messages]
    view.put(key, orjson.dumps({"stream_sequence": stream_sequence, "late": late, "messages": told}))
    return Outgoing(key, stream_sequence, late, messages)


def remove_outgoing(view: TableView, key: bytes) -> None:
    """Stage the removal of what was sent."""
    view.delete(key)


def _row(value: bytes) -> PolicyRow:
    row = orjson.loads(value)
    return PolicyRow(row["counts"], row["latest"], row["stream_sequence"])


def _progress(value: bytes) -> Progress:
    row = orjson.loads(value)
    return Progress(row["stream_sequence"], row["silent"])
