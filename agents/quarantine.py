"""The quarantine of a cycle: which events of which person an agent gets, and what becomes of those that it must not get.

Guarantee: behind an event that an agent cannot handle no later event of that person reaches that agent, until a redrive brings them
in order. Other persons and other agents are not concerned. What waits is staged in the same group commit as all rows of the cycle."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from agents.containment import cause_of
from agents.reading import Arrival, edited_copies, letter_of, marked
from bridge.dead_letters import DeadLetter
from lanes.agent import Batch
from lanes.failure import stack_of
from lanes.table import TableView
from tables import quarantine
from tables.quarantine import Discarded, Parked, QuarantineRow, QuarantineTable

logger = logging.getLogger(__name__)

WAITING = "held_back"
"""Cause of an event that waits because an earlier one of its person does."""


class Redrive(NamedTuple):
    """Parked events of a person, in order, that come again for one agent; or, with `release`, that have come and wait no longer.

    Two cycles, because the rows of one commit become durable one after the other: the row that parks a person must not be gone before
    the last effect of its events is there. `first` is where the person was parked when its events were read; a person that has moved
    since is left alone. `discarding` takes the first of the events out of the way for ever, or an edited copy in its place. Events above
    `live_after` have caused no effects yet; None when the row does not tell.
    """

    agent: str
    person_id: str
    first: int
    sequences: Sequence[int]
    release: bool = False
    discarding: Discarded | None = None
    live_after: int | None = None


class Ward:
    """The quarantine of one agent in one cycle."""

    def __init__(self, agent: str, table: QuarantineTable, view: TableView, redrive: Redrive | None) -> None:
        self.agent = agent
        self._table = table
        self._view = view
        self._concerned = table.concerns(view.partition, agent)
        self._before: dict[str, QuarantineRow] = {}
        self._after: dict[str, QuarantineRow] = {}
        self._later: dict[str, Sequence[Arrival]] = {}
        self._letters: dict[str, list[DeadLetter]] = {}
        self._failed: set[str] = set()
        self._redrive: Redrive | None = None
        if redrive is not None and redrive.agent == agent:
            self._open(redrive)

    @property
    def concerned(self) -> bool:
        """Whether the agent has parked or discarded anything in this partition; if not, it gets everything as it comes."""
        return self._concerned

    def admit(self, person_id: str, arrivals: Sequence[Arrival]) -> Sequence[Arrival]:
        """Those arrivals that the agent is to handle now, in order; the others wait with those that wait already."""
        if not self._concerned:
            return arrivals
        row = self._row(person_id)
        arrivals = marked(arrivals, row.discarded)
        parked = row.parked
        if parked is None or self.redriven(person_id):
            return arrivals
        later = [one for one in arrivals if one.stream_sequence > parked.last]
        if later:
            self._later[person_id] = later
            self._letters[person_id] = self._waiting(later, parked.first)
            last, events = later[-1].stream_sequence, parked.events + len(later)
            self._after[person_id] = row._replace(parked=parked._replace(last=last, events=events))
        return [one for one in arrivals if one.stream_sequence < parked.first]

    def park(self, person_id: str, arrivals: Sequence[Arrival], error: Exception) -> None:
        """Let a person's events wait from the first of `arrivals` on, which failed with `error`."""
        cause, reason = cause_of(error)
        arrivals = [*arrivals, *self._later.get(person_id, ())]
        poison = arrivals[0]
        row = self._row(person_id)
        known = self._before[person_id].parked
        new = [one for one in arrivals if known is None or not known.first <= one.stream_sequence <= known.last]
        if cause == "handler_failed":
            logger.error("%s failed on stream sequence %s: %s", self.agent, poison.stream_sequence, stack_of(error))
        letters = self._waiting([one for one in new if one is not poison], poison.stream_sequence)
        if new and new[0] is poison:
            letters.insert(0, letter_of(self.agent, poison.record, cause, reason))
        self._letters[person_id] = letters
        self._failed.add(person_id)
        parked = Parked(
            first=poison.stream_sequence,
            last=arrivals[-1].stream_sequence,
            events=len(new),
            cause=cause,
            reason=reason,
            since_ms=int(time.time() * 1000),
            attempts=1,
        )
        if known is not None:
            passed = self._redrive.sequences if self._redrive is not None and self.redriven(person_id) else ()
            parked = parked._replace(
                last=max(parked.last, known.last),
                events=len(new) + known.events - sum(sequence < poison.stream_sequence for sequence in passed),
                since_ms=known.since_ms,
                live_after=known.live_after,
                attempts=known.attempts + 1 if known.first == poison.stream_sequence else 1,
            )
        self._after[person_id] = row._replace(parked=parked)

    def redriven(self, person_id: str) -> bool:
        """Whether this cycle brings the events of a person again, for this agent."""
        return self._redrive is not None and self._redrive.person_id == person_id

    def parks(self, person_id: str) -> bool:
        """Whether an event of a person failed in this cycle."""
        return person_id in self._failed

    def discarded(self, person_id: str) -> Sequence[Discarded]:
        """Events of a person that an operator took out of the way of this agent."""
        return self._row(person_id).discarded if self._concerned else ()

    def letters(self) -> Iterator[DeadLetter]:
        """Letters to be stored before the cycle is committed, those of a person in order."""
        for of_person in self._letters.values():
            yield from of_person

    @property
    def changes(self) -> bool:
        """Whether this cycle changes who is parked, or where."""
        return bool(self._after)

    def stage(self, live_after: int | None = None) -> None:
        """Stage the rows that this cycle changes; who is parked anew has caused no effects above `live_after`."""
        for person_id, row in self._after.items():
            if row.parked is not None and self._before[person_id].parked is None:
                row = row._replace(parked=row.parked._replace(live_after=live_after))
                self._after[person_id] = row
            quarantine.stage(self._view, self.agent, person_id, row)

    def committed(self) -> None:
        """Count the rows that are durable now."""
        for person_id, row in self._after.items():
            self._table.changed(self._view.partition, self.agent, self._before[person_id], row)

    def _row(self, person_id: str) -> QuarantineRow:
        if person_id not in self._before:
            self._before[person_id] = self._table.read(self._view.partition, self.agent, person_id)
        return self._after.get(person_id, self._before[person_id])

    def _open(self, redrive: Redrive) -> None:
        row = self._row(redrive.person_id)
        parked = row.parked
        if parked is None or parked.first != redrive.first:
            return
        if redrive.release:
            left = None
            if parked.last > redrive.sequences[-1]:
                left = parked._replace(
                    first=redrive.sequences[-1] + 1,
                    events=parked.events - len(redrive.sequences),
                    cause=WAITING,
                    reason=f"behind {redrive.sequences[-1]}",
                    attempts=0,
                )
            self._after[redrive.person_id] = row._replace(parked=left)
            return
        self._redrive = redrive
        if redrive.discarding is not None:
            self._after[redrive.person_id] = row._replace(discarded=(*row.discarded, redrive.discarding))

    def _waiting(self, arrivals: Sequence[Arrival], behind: int) -> list[DeadLetter]:
        return [letter_of(self.agent, one.record, WAITING, f"behind {behind}") for one in arrivals]


class Quarantine:
    """Gives each agent its ward of a cycle."""

    def __init__(self, table: QuarantineTable) -> None:
        self.table = table

    def ward(self, batch: Batch, agent: str) -> Ward:
        """The ward of an agent, made when it asks first."""
        wards = wards_of(batch)
        if agent not in wards:
            wards[agent] = Ward(agent, self.table, batch.view(self.table.table), redrive_of(batch))
        return wards[agent]


def wards_of(batch: Batch) -> dict[str, Ward]:
    """The wards of this cycle by agent."""
    return batch.once("wards", dict)


def begin(batch: Batch, redrive: Redrive) -> None:
    """Say that a batch is for a redrive, before any agent sees it."""
    batch.once("redrive", lambda: redrive)
    discarding = redrive.discarding
    if discarding is not None and discarding.instead is not None:
        edited_copies(batch)[discarding.stream_sequence] = discarding.instead


def redrive_of(batch: Batch) -> Redrive | None:
    """The redrive that this cycle is for, if it is for one."""
    return batch.once("redrive", _none)


def effects_above(batch: Batch, agent: str, person_id: str) -> int | None:
    """The stream sequence above which the events of this redrive have caused no effects yet, wherever the live position is.

    None when the cycle does not bring parked events of the person for the agent again, or takes one out of the way.
    """
    redrive = redrive_of(batch)
    if redrive is None or (redrive.agent, redrive.person_id) != (agent, person_id):
        return None
    if redrive.discarding is not None and redrive.discarding.instead is None:
        return None
    return redrive.live_after or 0


def _none() -> Redrive | None:
    return None
