"""Agent decide_person: person.commands to events, by one conditional atomic append per cycle, and table `outcomes`.

Guarantee: the events of a decision are stored completely and only if the person has not moved since it was decided on; an outcome is
announced after the append and the outcome row are durable; a command that comes again gets its first outcome and no second event,
also when a worker that was paused goes on with it after another one has taken over; a command that a crash makes decide again is decided
on what was before the later ones. What a decision has to know of another person is read from JetStream each time the decision is taken; of
two persons that are merged into each other at the same moment one stays. A person in quarantine is not decided on: its commands fail with
`unavailable` and may be sent again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from nats.aio.client import Client

from agents.command_intake import CommandIntake, PendingCommand
from agents.containment import TRANSIENT
from agents.fold_persons import FoldPersons
from agents.folding import newest
from agents.in_doubt import Doubts, History, are_in_doubt
from agents.merge_intents import MergeIntents, Patience
from agents.policy_counters import PolicyCounters
from agents.publishing import publish_event
from agents.reading import EventLog, dead_letter
from agents.resolving import PersonResolver, UnresolvedError
from agents.state_limits import check_limits
from agents.vetoes import Vetoes
from bridge import headers
from bridge.append import MAX_BATCH, EntityAppend, EventMessage, append_each
from bridge.dead_letters import DeadLetters
from bridge.errors import AppendRefusedError
from domain.command_data.lifecycle import MergePersons
from domain.commands import Command, read_command
from domain.decide import AlreadyRecorded, decide
from domain.events import Event, write_event
from domain.evolve import apply
from domain.outcomes import Outcome, Position
from domain.person import Person
from domain.refusals import Refused
from domain.subjects import event_subject, person_filter
from lanes.agent import Batch, LaneAgent
from lanes.failure import stack_of
from lanes.ownership import Ownership
from lanes.table import TableView
from tables.outcomes import OutcomesTable
from tables.persons import PersonRow, PersonsTable
from tables.policies import Message
from tables.quarantine import QuarantineTable
from tables.recent_persons import RecentPersons

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 4
"""A decision and three more after a lost append race (domain.md 5.4)."""


@dataclass
class Pending(PendingCommand[Command]):
    """A command of the running cycle and what became of it."""

    unresolved: UnresolvedError | None = None
    """Why it cannot be told what it has to know of another person."""
    events: Sequence[Event] = ()
    is_stored: bool = False
    """Its events are in the stream, as an earlier try of its cycle has left them."""
    refused_before: Outcome | None = None
    """The refusal of an earlier try, told by what the command met then."""
    objections: Sequence[Message] = ()
    """What deny rules said, to be recorded."""


@dataclass
class Cycle:
    """One cycle of a partition: its commands by id, and the outcomes that are durable."""

    partition: int
    view: TableView
    pending: dict[str, Pending] = field(default_factory=dict)
    begun: datetime = field(default_factory=lambda: datetime.now(UTC))
    patience: Patience = field(default_factory=Patience)


@dataclass
class PersonWork:
    """The commands of one person in a cycle, in order, and the state that they are decided on."""

    row: PersonRow
    commands: list[Pending] = field(default_factory=list)
    deferred: list[Pending] = field(default_factory=list)
    """The last of the commands, not decided yet: their events would not fit the atomic batch of those before."""
    outdated: bool = False
    """An append was refused: somebody knew more."""
    history: History | None = None
    """All events of the person, where they had to be read."""


class Laws(NamedTuple):
    """What a decision rests on besides the person."""

    max_state_bytes: int
    vetoes: Vetoes


Decision = tuple[PersonRow, list[Pending]]
"""The state behind a person's commands, and the commands that were recorded before."""


class UnknownStateError(Exception):
    """The stream holds an event of the person that cannot be folded."""


class DecidePerson(LaneAgent):
    """Decides each command on the table state plus what this lane has appended and the table has not folded yet."""

    name = "decide_person"

    def __init__(
        self,
        table: OutcomesTable,
        persons: PersonsTable,
        nc: Client,
        log: EventLog,
        letters: DeadLetters,
        quarantine: QuarantineTable,
        ownership: Ownership,
        *,
        remembered: int,
        max_state_bytes: int,
        vetoes: Vetoes,
        counters: PolicyCounters,
    ) -> None:
        self.tables = (table.table,)
        self._table = table
        self._persons = persons
        self._nc = nc
        self._log = log
        self._letters = letters
        self._quarantine = quarantine
        self._ownership = ownership
        self._laws = Laws(max_state_bytes, vetoes)
        self._resolver = PersonResolver(log, MergeIntents(nc))
        self._appended = RecentPersons(remembered)
        self._doubts = Doubts()
        self._intake = CommandIntake(self.name, "person", read_command, Pending, table, nc, letters, counters)

    async def process(self, batch: Batch) -> None:
        """Decide all commands of the cycle, append their events, stage their outcomes."""
        self._doubts.begin(batch.partition)
        intake = await self._intake.take(batch)
        cycle = Cycle(batch.partition, intake.view, intake.pending)
        work: dict[str, PersonWork] = {}
        for one in intake.pending.values():
            if one.command is None:
                continue
            person_id = one.command.person_id
            if self._quarantine.read(batch.partition, FoldPersons.name, person_id).parked is not None:
                self._appended.drop(batch.partition, person_id)
                one.outcome = _in_quarantine(one, person_id)
                continue
            if person_id not in work:
                work[person_id] = PersonWork(self._known(batch.partition, person_id))
            work[person_id].commands.append(one)

        await self._decide_and_append(cycle, list(work.values()))
        await self._intake.keep(batch, intake)
        _objections(batch).extend(one for pending in intake.pending.values() for one in pending.objections)

    async def committed(self, batch: Batch) -> None:
        """Publish the outcomes: to everybody under the command id, and to the sender's inbox."""
        self._doubts.end(batch.partition, len(batch.records))
        await self._intake.announce(batch)
        for subject, event_id, data in _objections(batch):
            await publish_event(self._nc, subject, data, event_id)

    def forget(self, partition: int) -> None:
        """Drop what was appended and not folded; the stream tells it again when an append is refused."""
        self._appended.forget(partition)
        self._doubts.forget(partition)

    def _known(self, partition: int, person_id: str) -> PersonRow:
        folded = self._persons.read(partition, person_id)
        appended = self._appended.get(partition, person_id)
        return appended if appended is not None and appended.person.version > folded.person.version else folded

    async def _decide_and_append(self, cycle: Cycle, work: list[PersonWork]) -> None:
        """Decide all commands of the cycle.

        Who has to be seen together with another person comes last and alone: of two persons that are merged into each other in one
        cycle, the second one meets what became of the first.
        """
        together: list[PersonWork] = []
        alone: list[PersonWork] = []
        for one in work:
            (alone if self._resolving(one) else together).append(one)
        await self._append_all(cycle, together)
        for one in alone:
            person_id = one.row.person.person_id
            was_in_doubt = self._resolver.may_be_merged(person_id)
            await self._append_all(cycle, [one])
            # Not where an append has raised: it may be stored, and the cycle comes again. What has raised then may be stored yet even though
            # the command is refused now; only a merge that is stored tells that no other will be.
            if not was_in_doubt or _is_merged(one):
                await self._resolver.release(person_id)

    def _resolving(self, work: PersonWork) -> list[Pending]:
        """The commands of a person that rest on facts about another one."""
        return [one for one in work.commands if one.command is not None and self._resolver.is_needed(one.command)]

    async def _append_all(self, cycle: Cycle, together: list[PersonWork]) -> None:
        while together:
            await self._append_batch(cycle, together)
            together = [PersonWork(one.row, one.deferred) for one in together if one.deferred]

    async def _append_batch(self, cycle: Cycle, work: list[PersonWork]) -> None:
        """Decide and append as many commands of each person as fit one atomic batch; the others stay deferred."""
        for _ in range(MAX_ATTEMPTS):
            # All end before an error goes on: none may write behind the back of the cycle that comes again.
            decided = await asyncio.gather(*(self._decide(cycle, one) for one in work), return_exceptions=True)
            groups = [(one, _known_decision(result)) for one, result in zip(work, decided, strict=True)]
            to_append = [(one, after) for one, (after, _) in groups if after.person is not one.row.person]
            results = await append_each(self._nc, [_entity(one) for one, _ in to_append])
            lost: list[PersonWork] = []
            for (one, after), result in zip(to_append, results, strict=True):
                if isinstance(result, AppendRefusedError):
                    lost.append(one)
                    continue
                self._settle(cycle.partition, one, PersonRow(after.person, result))
            if not lost:
                return
            for one in lost:
                one.outdated = True
                one.history = None
                one.deferred = []
                for pending in one.commands:
                    pending.events, pending.outcome = (), Outcome.failed("conflict", command_id=pending.command_id)
            work = lost

    async def _decide(self, cycle: Cycle, work: PersonWork) -> tuple[PersonRow, list[Pending]]:
        """Decide a person's commands; a refusal is given only on the newest state that the stream knows.

        An append on an old state is refused by the server, but nothing checks a refusal: after a restart the table may lag.

        What was read newly may come from another worker that owns the partition by now, and it may have refused these commands on a
        state in between, which leaves nothing in the stream. Deciding again is safe only for who still owned the partition after reading.
        The same holds for what was read about other persons.
        """
        partition = cycle.partition
        try:
            if work.outdated:
                work.row = await self._reread(partition, work.row)
            resolved = await self._resolve(cycle, work)
            if work.outdated or resolved:
                await self._prove_ownership(partition)
            decided = _decide_all(work, self._laws)
            if any(pending.outcome is not None for pending in work.commands):
                row = await self._reread(partition, work.row)
                if row is not work.row:
                    work.row = row
                    await self._resolve(cycle, work)
                    await self._prove_ownership(partition)
                    decided = _decide_all(work, self._laws)
            if await self._resume(cycle, work):
                decided = _decide_all(work, self._laws)
            for pending in decided[1]:
                pending.outcome = await self._recorded_outcome(partition, work, pending)
        except TRANSIENT:
            raise
        except UnknownStateError:
            # fold_persons meets the same event and parks the person; an operator hears of it there.
            work.deferred = []
            for pending in work.commands:
                pending.events, pending.outcome = (), _in_quarantine(pending, work.row.person.person_id)
            return work.row, []
        except Exception as error:
            # A defect: this person's commands fail, the neighbours go on.
            logger.error("the commands of a person could not be decided: %s", stack_of(error))
            work.deferred = []
            for pending in work.commands:
                await dead_letter(self._letters, self.name, pending.record, "handler_failed", type(error).__name__)
                pending.events, pending.outcome = (), Outcome.failed("internal_error", command_id=pending.command_id)
            return work.row, []
        return decided

    async def _resume(self, cycle: Cycle, work: PersonWork) -> bool:
        """Find out what an earlier try of this cycle has stored, and refuse what it has refused before; tells whether there was one.

        What would have been accepted then, and is not stored, is decided on the newest state like any other command.
        """
        if not self._doubts.remain(cycle.partition) or not are_in_doubt(work.row.person, cycle.view):
            return False
        # What was stored before all of these commands were came of none of them, nor of one behind them.
        asked_at = min(headers.stored_at(one.record.headers) for one in work.commands)
        newest_event = [
            one async for one in self._log.arrivals(work.row.person.person_id, after=work.row.stream_sequence - 1)
        ]
        if all(headers.stored_at(one.record.headers) < asked_at for one in newest_event):
            return False
        person_id = work.row.person.person_id
        records = {command_id: one.record for command_id, one in cycle.pending.items()}
        work.history = history = await self._history(cycle.partition, work)
        for pending in work.commands:
            assert pending.command is not None
            pending.is_stored = history.holds(pending.command_id)
            if pending.is_stored or pending.unresolved is not None:
                continue
            try:
                person = history.before_later(pending.record, cycle.view, records, cycle.begun)
            except Exception as error:
                raise UnknownStateError from error
            if person is None:
                continue
            try:
                _decide_one(pending, pending.command, person, self._laws)
            except Refused as refused:
                pending.refused_before = Outcome.refused(
                    refused, command_id=pending.command_id, person_id=person_id, version=person.version
                )
        return True

    def _settle(self, partition: int, one: PersonWork, row: PersonRow) -> None:
        self._appended.put(partition, row)
        one.row = row
        stream_sequence = row.stream_sequence - sum(len(pending.events) for pending in one.commands)
        for pending in one.commands:
            stream_sequence += len(pending.events)
            if pending.events:
                pending.outcome = Outcome.accepted(
                    pending.command_id,
                    row.person.person_id,
                    pending.events[-1].sequence,
                    pending.events,
                    Position(stream_sequence=stream_sequence, partition=partition),
                )

    async def _resolve(self, cycle: Cycle, work: PersonWork) -> bool:
        """Look up what commands have to know of other persons; tells whether any has to."""
        needing = self._resolving(work)
        if not needing:
            return False
        person_id = work.row.person.person_id
        is_mended = bool(self._quarantine.read(cycle.partition, FoldPersons.name, person_id).discarded)
        for pending in needing:
            assert pending.command is not None
            try:
                pending.command = await self._resolver.resolve(pending.command, cycle.patience, is_mended=is_mended)
                pending.unresolved = None
            except UnresolvedError as error:
                pending.unresolved = error
        return True

    async def _reread(self, partition: int, row: PersonRow) -> PersonRow:
        discarded = self._quarantine.read(partition, FoldPersons.name, row.person.person_id).discarded
        try:
            return await newest(self._log, row, discarded)
        except TRANSIENT:
            raise
        except Exception as error:
            raise UnknownStateError from error

    async def _prove_ownership(self, partition: int) -> None:
        await self._ownership.prove(self._table.table.changelog_topic, partition)

    async def _recorded_outcome(self, partition: int, work: PersonWork, pending: Pending) -> Outcome:
        """The accepted outcome of a command whose events are in the stream although its outcome row is not."""
        if work.history is None:
            work.history = await self._history(partition, work)
        events, last = work.history.recorded(pending.command_id)
        return Outcome.accepted(
            pending.command_id,
            work.row.person.person_id,
            events[-1].sequence,
            events,
            Position(stream_sequence=last, partition=partition),
        )

    async def _history(self, partition: int, work: PersonWork) -> History:
        person_id = work.row.person.person_id
        discarded = self._quarantine.read(partition, FoldPersons.name, person_id).discarded
        return await History.read(self._log, person_id, discarded)


def _known_decision(result: Decision | BaseException) -> Decision:
    if isinstance(result, BaseException):
        raise result
    return result


def _is_merged(work: PersonWork) -> bool:
    """Whether a merge of the person was accepted."""
    return any(
        isinstance(one.command.data, MergePersons) and one.outcome is not None and one.outcome.status == "accepted"
        for one in work.commands
        if one.command is not None
    )


def _objections(batch: Batch) -> list[Message]:
    """What deny rules said in this cycle."""
    return batch.once("objections", list)


def _in_quarantine(pending: Pending, person_id: str) -> Outcome:
    return Outcome.failed(
        "unavailable",
        command_id=pending.command_id,
        person_id=person_id,
        reason="an event of the person is in quarantine",
    )


def _unresolved(pending: Pending, error: UnresolvedError, person_id: str) -> Outcome:
    return Outcome.failed(error.code, command_id=pending.command_id, person_id=person_id, reason=error.reason)


def _decide_all(work: PersonWork, laws: Laws) -> tuple[PersonRow, list[Pending]]:
    """Decide a person's commands one after the other, as many as fit one atomic batch; the others are deferred.

    Returns the state behind them and those that were recorded before.
    """
    person = work.row.person
    recorded = []
    work.deferred = []
    size = 0
    for number, pending in enumerate(work.commands):
        assert pending.command is not None
        pending.events, pending.outcome = (), pending.refused_before
        if pending.refused_before is not None:
            continue
        if pending.is_stored:
            recorded.append(pending)
            continue
        if pending.unresolved is not None:
            pending.outcome = _unresolved(pending, pending.unresolved, person.person_id)
            continue
        try:
            events, after = _decide_one(pending, pending.command, person, laws)
        except Refused as refused:
            pending.outcome = Outcome.refused(
                refused, command_id=pending.command_id, person_id=person.person_id, version=person.version
            )
            continue
        except AlreadyRecorded:
            recorded.append(pending)
            continue
        if size + len(events) > MAX_BATCH:
            work.deferred = work.commands[number:]
            for one in work.deferred:
                one.events, one.outcome = (), None
            break
        size += len(events)
        pending.events, person = events, after
    return PersonRow(person, work.row.stream_sequence), recorded


def _decide_one(pending: Pending, command: Command, person: Person, laws: Laws) -> tuple[Sequence[Event], Person]:
    """The events of a command and the state behind them; what a deny rule forbids and what no table row could hold is refused."""
    refused, pending.objections = laws.vetoes.on(command, person)
    if refused is not None:
        raise refused
    before = person
    events = decide(command, before)
    for event in events:
        person = apply(person, event)
    check_limits(command, events, before, person, laws.max_state_bytes)
    return events, person


def _entity(work: PersonWork) -> EntityAppend:
    messages = [
        EventMessage(event_subject(event), write_event(event), event.id)
        for pending in work.commands
        for event in pending.events
    ]
    return EntityAppend(person_filter(work.row.person.person_id), work.row.stream_sequence, messages)
