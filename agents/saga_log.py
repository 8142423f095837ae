"""The log of sagas as one worker knows it: each saga of an owned partition as its table row plus what was appended and is not folded yet.

Guarantee: all inputs of a partition, from whatever lane, are taken one group after the other; the events of a saga are appended
completely and only if the saga has not moved since it was decided on, else it is read again and takes its inputs again. No input meets a
saga that this worker does not know yet: the first reaction of a partition waits until the fold has reached what the stream held when
the partition was taken over. An input that raises sets its own saga aside and no other."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from nats.aio.client import Client

from agents.containment import is_transient
from agents.folding import newest
from agents.reading import EventLog, dead_letter
from agents.saga_reading import NOTHING, KnownSaga, SagaHistory, folded
from bridge.append import EntityAppend, EventMessage, append_each
from bridge.dead_letters import DeadLetters
from bridge.errors import AppendRefusedError, BridgeError
from domain.person import Person
from domain.refusals import Refused
from domain.sagas import engine
from domain.sagas.definition import OWN_TIMEOUTS, Timeouts
from domain.sagas.evolve import evolve
from domain.sagas.inputs import PersonEventInput, SagaInput, StartInput
from domain.sagas.saga_events import SagaEvent, saga_event_subject, saga_filter, write_saga_event
from domain.sagas.state import Saga
from lanes.failure import stack_of
from lanes.record import Record
from tables.persons import PersonsTable
from tables.position import AppliedPositions
from tables.sagas import SagasTable

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 8
"""Reactions to one group of inputs before the lane repeats it: others append to a saga only while a partition moves."""

FOLDED_WITHIN_S = 3.0


class NotFoldedError(BridgeError):
    """The fold has not reached what the stream held when the partition was taken over; the lane tries again."""


class Stimulus(NamedTuple):
    """An input and whom it concerns: one saga, or with `saga_id` None every running saga of the person.

    With `starts` it may start a saga, too. `record` is what it came in, for a dead letter of `agent`.
    """

    input: SagaInput
    agent: str
    record: Record
    person_id: str
    saga_id: str | None = None
    starts: bool = False


class Reaction(NamedTuple):
    """What became of a stimulus that names a saga: the saga behind the group, the events that it caused, and the refusal, if any.

    `saga` is None when there is no such saga. `stream_sequence` is the place of the last event, 0 without events. `failed` tells that the
    input raised.
    """

    saga: Saga | None = None
    events: tuple[SagaEvent, ...] = ()
    stream_sequence: int = 0
    refused: Refused | None = None
    failed: bool = False


NO_REACTION = Reaction()


@dataclass
class Turn:
    """A stimulus at one saga, and what came of it."""

    stimulus: Stimulus
    events: tuple[SagaEvent, ...] = ()
    refused: Refused | None = None
    error: Exception | None = None


@dataclass
class Draft:
    """A saga in one group of inputs: as it is stored, as it will be, and the turns that lead there."""

    saga_id: str
    stored: KnownSaga
    saga: Saga | None
    turns: list[Turn] = field(default_factory=list)
    is_read: bool = False
    """It was read from the stream in this group, so nobody knows more."""
    appended: KnownSaga = NOTHING
    person: Person | None = None
    """The person as the stream holds it, where it had to be read."""

    @property
    def events(self) -> list[SagaEvent]:
        """What is to be appended."""
        return [event for turn in self.turns for event in turn.events]


class SagaLog:
    """Knows and moves the sagas of one worker."""

    def __init__(
        self,
        nc: Client,
        table: SagasTable,
        persons: PersonsTable,
        log: EventLog,
        history: SagaHistory,
        positions: AppliedPositions,
        letters: DeadLetters,
        timeouts: Timeouts = OWN_TIMEOUTS,
    ) -> None:
        self._nc = nc
        self._table = table
        self._persons = persons
        self._log = log
        self._history = history
        self._letters = letters
        self._timeouts = timeouts
        self._appended: dict[int, dict[str, KnownSaga]] = {}
        self._awaited: dict[int, int] = {}
        self._folded = positions
        self._one_group: dict[int, asyncio.Lock] = {}

    async def react(self, partition: int, stimuli: Sequence[Stimulus]) -> list[Reaction]:
        """Let sagas take inputs in their order; returns one reaction for each once all events are stored.

        Raises NotFoldedError, and errors of the server when it is not known what is stored; inputs that come again are harmless.
        """
        if not stimuli:
            return []
        async with self._one_group.setdefault(partition, asyncio.Lock()):
            await self._until_folded(partition)
            drafts: dict[str, Draft] = {}
            unfolded = self._unfolded(partition)
            for stimulus in stimuli:
                for saga_id in await self._concerned(partition, unfolded, stimulus):
                    draft = drafts.get(saga_id)
                    if draft is None:
                        stored = self._known(partition, saga_id)
                        draft = drafts[saga_id] = Draft(saga_id, stored, stored.saga)
                    draft.turns.append(Turn(stimulus))
                    await self._take(partition, draft, draft.turns[-1])
                    if draft.saga is not None:
                        unfolded[draft.saga.person_id].add(saga_id)
            await self._append(partition, drafts)
            reactions = dict(_reactions(drafts.values()))
            return [reactions.get(id(stimulus), NO_REACTION) for stimulus in stimuli]

    def folded(self, partition: int, stream_sequence: int, sagas: Iterable[KnownSaga]) -> None:
        """Take note that the fold has made these sagas durable, and everything of the partition up to a stream sequence."""
        appended = self._appended.get(partition)
        if appended:
            for one in sagas:
                assert one.saga is not None
                known = appended.get(one.saga.saga_id)
                if known is not None and known.stream_sequence <= one.stream_sequence:
                    del appended[one.saga.saga_id]
        self._folded.advance(partition, stream_sequence)

    def forget(self, partition: int) -> None:
        """Another worker may have appended meanwhile; the fold tells it again."""
        self._appended.pop(partition, None)
        self._awaited.pop(partition, None)

    async def _until_folded(self, partition: int) -> None:
        awaited = self._awaited.get(partition)
        if awaited is None:
            awaited = await self._history.last_of_partition(
                partition, after=max(self._folded.applied(partition), self._table.position(partition))
            )
        if self._folded.applied(partition) < awaited:
            self._folded.advance(partition, self._table.position(partition))
            if not await self._folded.reached(partition, awaited, FOLDED_WITHIN_S):
                raise NotFoldedError(f"partition {partition}: sagas are folded up to {self._folded.applied(partition)}")
        self._awaited[partition] = awaited

    def _known(self, partition: int, saga_id: str) -> KnownSaga:
        appended = self._appended.get(partition, {}).get(saga_id)
        row = self._table.read(partition, saga_id)
        folded = NOTHING if row is None else KnownSaga(row.saga, row.stream_sequence)
        return appended if appended is not None and appended.stream_sequence > folded.stream_sequence else folded

    def _unfolded(self, partition: int) -> defaultdict[str, set[str]]:
        """Ids of the sagas that were appended and are not folded yet, by person."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        for saga_id, known in self._appended.get(partition, {}).items():
            if known.saga is not None:
                found[known.saga.person_id].add(saga_id)
        return found

    async def _concerned(self, partition: int, unfolded: Mapping[str, set[str]], stimulus: Stimulus) -> list[str]:
        """Ids of the sagas that take a stimulus, the one that it may start last."""
        if stimulus.saga_id is not None:
            return [stimulus.saga_id]
        running = {*self._table.running_of(partition, stimulus.person_id), *unfolded.get(stimulus.person_id, ())}
        started = await self._started_by(partition, stimulus)
        return [*sorted(running - {started}), *([started] if started is not None else [])]

    async def _started_by(self, partition: int, stimulus: Stimulus) -> str | None:
        try:
            started = self._start(stimulus, self._person(partition, stimulus.person_id))
        except Exception as error:
            if is_transient(error):
                raise
            await self._bury(stimulus, error)
            return None
        return None if started is None else started[0]

    async def _take(self, partition: int, draft: Draft, turn: Turn) -> None:
        """Decide one turn on the draft; a refusal, and that there is no such saga, only on what the streams hold now."""
        self._decide(partition, draft, turn)
        is_final = turn.refused is None and (draft.saga is not None or bool(turn.events))
        if is_final or draft.is_read:
            return
        moved = await self._read_again(draft)
        if isinstance(turn.stimulus.input, StartInput) and draft.stored.saga is None:
            # Whoever has just created a person may start a saga before the person is folded.
            draft.person = await self._newest(partition, turn.stimulus.person_id)
        if moved or draft.person is not None:
            self._decide_all(partition, draft)

    async def _newest(self, partition: int, person_id: str) -> Person:
        row = self._persons.read(partition, person_id)
        try:
            return (await newest(self._log, row, ())).person
        except Exception as error:
            if is_transient(error):
                raise
            # An event of the person is in quarantine: what is folded is all that can be known.
            return row.person

    async def _read_again(self, draft: Draft) -> bool:
        """Bring what is stored of a saga up to date; tells whether it has moved."""
        known = draft.stored
        async for arrival in self._history.arrivals(draft.saga_id, after=known.stream_sequence):
            known = folded(known, arrival)
        moved = known.stream_sequence > draft.stored.stream_sequence
        draft.stored, draft.is_read = known, True
        return moved

    def _decide_all(self, partition: int, draft: Draft) -> None:
        draft.saga = draft.stored.saga
        for turn in draft.turns:
            self._decide(partition, draft, turn)

    def _decide(self, partition: int, draft: Draft, turn: Turn) -> None:
        turn.events, turn.refused, turn.error = (), None, None
        before, stimulus = draft.saga, turn.stimulus
        try:
            person = draft.person or self._person(partition, stimulus.person_id)
            turn.events = self._events(person, before, stimulus)
            draft.saga = evolved(before, turn.events)
        except Refused as refused:
            turn.refused = refused
        except Exception as error:
            if is_transient(error):
                raise
            turn.error = error
            turn.events = () if before is None else engine.park(before, stimulus.input, type(error).__name__)
            draft.saga = evolved(before, turn.events)

    def _events(self, person: Person, saga: Saga | None, stimulus: Stimulus) -> tuple[SagaEvent, ...]:
        if saga is None:
            started = self._start(stimulus, person)
            return () if started is None else started[1]
        if saga.person_id != stimulus.person_id:
            # It lives in the partition of another person, where this input was not sent.
            raise Refused("saga_not_found", saga_id=saga.saga_id)
        if isinstance(stimulus.input, StartInput):
            if saga.started_by != stimulus.input.id:
                raise Refused("saga_exists")
            return ()
        return engine.react(saga, stimulus.input, person, timeouts=self._timeouts)

    def _start(self, stimulus: Stimulus, person: Person) -> tuple[str, tuple[SagaEvent, ...]] | None:
        if not stimulus.starts or not isinstance(stimulus.input, PersonEventInput | StartInput):
            return None
        return engine.start(stimulus.input, person, timeouts=self._timeouts)

    def _person(self, partition: int, person_id: str) -> Person:
        return self._persons.read(partition, person_id).person

    async def _append(self, partition: int, drafts: Mapping[str, Draft]) -> None:
        known = self._appended.setdefault(partition, {})
        work = list(drafts.values())
        for _ in range(MAX_ATTEMPTS):
            for turn in [turn for draft in work for turn in draft.turns]:
                if turn.error is not None:
                    # Before its saga is set aside, so that a crash repeats both.
                    await self._bury(turn.stimulus, turn.error)
            work = [draft for draft in work if draft.events]
            results = await append_each(self._nc, [_entity(draft) for draft in work])
            lost = []
            for draft, result in zip(work, results, strict=True):
                if isinstance(result, AppendRefusedError):
                    lost.append(draft)
                else:
                    known[draft.saga_id] = draft.appended = KnownSaga(draft.saga, result)
            if not lost:
                return
            for draft in lost:
                await self._read_again(draft)
                row = self._table.read(partition, draft.saga_id)
                if draft.stored.saga is not None and (
                    row is None or row.stream_sequence < draft.stored.stream_sequence
                ):
                    known[draft.saga_id] = draft.stored
                self._decide_all(partition, draft)
            work = lost
        raise BridgeError(f"partition {partition}: somebody else moves the same sagas")

    async def _bury(self, stimulus: Stimulus, error: Exception) -> None:
        logger.error("a saga could not take an input: %s", stack_of(error))
        await dead_letter(self._letters, stimulus.agent, stimulus.record, "handler_failed", type(error).__name__)


def evolved(saga: Saga | None, events: Iterable[SagaEvent]) -> Saga | None:
    """The saga behind events."""
    for event in events:
        saga = evolve(saga, event)
    return saga


def _entity(draft: Draft) -> EntityAppend:
    messages = [EventMessage(saga_event_subject(event), write_saga_event(event), event.id) for event in draft.events]
    return EntityAppend(saga_filter(draft.saga_id), draft.stored.stream_sequence, messages)


def _reactions(drafts: Iterable[Draft]) -> Iterator[tuple[int, Reaction]]:
    for draft in drafts:
        saga = draft.saga
        behind = draft.appended.stream_sequence - len(draft.events)
        for turn in draft.turns:
            behind += len(turn.events)
            place = behind if turn.events else 0
            yield id(turn.stimulus), Reaction(saga, turn.events, place, turn.refused, turn.error is not None)
