"""Replays events into a file of JSON lines, each line one CloudEvent as it is stored; or only counts them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson
from nats.aio.client import Client

from bridge.jetstream import Delivery
from domain.event_catalogue import EVENTS
from domain.subjects import parse_event_subject
from ops.migrating.progress import phase
from ops.replay.lines import LineFile
from ops.replay.reading import end_of_stream, selected, waiting
from ops.replay.selection import Selection
from ops.verify.pace import Pace

STEP_S = 0.25

Seen = Callable[[list[Delivery]], None]


NO_EVENT = "no event"
"""Counts messages of the stream whose subject is not that of an event."""
TYPE_OF: Final = {(one.context, one.name): one.type for one in EVENTS.values()}
"""Type of an event by the words of its subject."""


@dataclass
class Counted:
    """What a replay found, by type; `last_sequence` is the end of the stream when it began."""

    events: int = 0
    persons: set[str] = field(default_factory=set)
    types: Counter[str] = field(default_factory=Counter)
    bytes: int = 0
    last_sequence: int = 0
    resumed_behind: int = 0
    seconds: float = 0.0

    def add(self, some: list[Delivery]) -> None:
        """Count events."""
        for one in some:
            self.events += 1
            self.bytes += len(one.data)
            try:
                context, name, person_id, _ = parse_event_subject(one.subject)
            except ValueError:
                # Whoever may write to the stream can store what is no event.
                self.types[NO_EVENT] += 1
                continue
            self.types[TYPE_OF.get((context, name), f"{context}.{name}")] += 1
            if person_id is not None:
                self.persons.add(person_id)

    def as_data(self) -> dict[str, Any]:
        """For machines."""
        return {
            "events": self.events,
            "persons": len(self.persons),
            "types": dict(sorted(self.types.items())),
            "bytes": self.bytes,
            "last_sequence": self.last_sequence,
            "resumed_behind": self.resumed_behind,
            "seconds": round(self.seconds, 2),
        }

    def as_text(self) -> str:
        """For people."""
        lines = [f"{count:>10}  {name}" for name, count in sorted(self.types.items())]
        behind = f", resumed behind {self.resumed_behind}" if self.resumed_behind else ""
        lines.append(
            f"{self.events} events of {len(self.persons)} persons, {self.bytes} bytes in {self.seconds:.1f} s{behind}"
        )
        return "\n".join(lines)


async def count(nc: Client, selection: Selection, *, rate: float | None, shown: bool) -> Counted:
    """Read everything that is selected and write nothing."""
    counted = Counted(last_sequence=await end_of_stream(nc))
    await _read(nc, selection, counted, 0, rate, shown, lambda _some: None)
    return counted


async def into_file(nc: Client, selection: Selection, path: Path, *, rate: float | None, shown: bool) -> Counted:
    """Write everything that is selected; a file that was begun is gone on with, up to where the stream ended then.

    Raises CheckpointError, and errors of the server; what is written until then stays.
    """
    with LineFile(path, {"events": selection.digest}) as lines:
        last = int(lines.place.get("last", 0)) or await end_of_stream(nc)
        after = int(lines.place.get("sequence", 0))
        counted = Counted(last_sequence=last, resumed_behind=after)

        def write(some: list[Delivery]) -> None:
            lines.write((_line(one.data) for one in some), {"sequence": some[-1].stream_sequence, "last": last})

        await _read(nc, selection, counted, after, rate, shown, write)
        lines.complete()
    return counted


async def _read(
    nc: Client, selection: Selection, counted: Counted, after: int, rate: float | None, shown: bool, take: Seen
) -> None:
    began = time.monotonic()
    pace = Pace(rate)
    total = await waiting(nc, selection, after=after)
    with phase("replay", total, shown=shown) as advance:
        async for found in selected(nc, selection, after=after, last=counted.last_sequence):
            for some in _in_steps(found, rate):
                await pace.take(len(some))
                take(some)
                counted.add(some)
                advance(len(some))
    counted.seconds = time.monotonic() - began


def _in_steps(found: list[Delivery], rate: float | None) -> Iterator[list[Delivery]]:
    """As many together as the rate lets pass in a quarter of a second."""
    size = len(found) if rate is None else max(1, int(rate * STEP_S))
    for begin in range(0, len(found), size):
        yield found[begin : begin + size]


def _line(data: bytes) -> bytes:
    """One line; what was stored in several is JSON all the same."""
    return data if b"\n" not in data else orjson.dumps(orjson.loads(data))
