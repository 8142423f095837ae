"""What all translators share: events of one neighbour on person.foreign become commands of this domain, or signals for its sagas.

Guarantee: an event is done when each of its commands has an outcome, or when it is a dead letter; a worker that dies before repeats the same
commands under the same ids. Events that are routed together are translated one after the other, activities excepted; different persons do not
wait for each other. A refused command is an answer, no error; what cannot be translated touches no other event."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, TypeVar

from agents.command_sender import CommandOutcome, CommandSender, InterruptedWaitError
from agents.containment import is_transient
from agents.finding_persons import FindPersons
from agents.foreign_counters import ForeignCounters
from agents.reading import dead_letter, letter_of
from agents.translated_positions import Place, TranslatedPositions, place_of
from bridge import headers
from bridge.dead_letters import DeadLetters
from domain.canonical import NotCanonical
from domain.fields import dotted
from domain.foreign import ForeignEvent, read_foreign_event
from domain.ids import is_person_id
from domain.links import Link
from domain.partitions import partition_of
from domain.resolved import MAX_REDIRECTS
from domain.translate.catalogue import ForPersons, translated
from domain.translate.commands import AdapterCommand, command_of, signal_command
from domain.translate.outbound import NEIGHBOURS, Neighbour
from domain.translate.rule import KnownPerson, Wish
from domain.translate.signals import Signal
from domain.undecodable import Undecodable
from lanes.agent import Batch, LaneAgent
from lanes.failure import stack_of
from lanes.record import Record

logger = logging.getLogger(__name__)

UNRESOLVED: Final = "unresolved_person"
"""Cause of the dead letter of an event whose person is not known."""
AT_ONCE: Final = 64
"""Groups of events, and persons of one event, that a translator works on side by side."""
TRIES: Final = 3
FIRST_DELAY_S: Final = 0.2
"""Behind the first try to find a person, or to have a command decided; four times that behind the second."""
FIRST_BACKOFF_S: Final = 0.1
LAST_BACKOFF_S: Final = 10.0
STRANGER_FOR_S: Final = 10.0
"""How long one try is enough for what nobody was linked with: a neighbour says much about people whom this domain does not have."""
REMEMBERED: Final = 10_000
"""Persons of whom the position of the last accepted command is known, so that it is in what is known of them; and strangers."""

K = TypeVar("K")
V = TypeVar("V")


class UnresolvedPersonError(Exception):
    """Nobody, or more than one person, is linked with what an event of one person is about."""


class UndecidedError(Exception):
    """A command has failed each time; the code says how."""


class Sent(NamedTuple):
    """A command that is stored and has no outcome yet."""

    event: ForeignEvent
    wish: Wish
    person_id: str
    command: AdapterCommand
    waiting: asyncio.Future[CommandOutcome]


class Fault(NamedTuple):
    """Why an event cannot be translated: cause and reason of its dead letter, and how often it was tried."""

    cause: str
    reason: str
    attempts: int = 1


@dataclass
class TranslateAgain:
    """A redrive of one dead letter: the translator of its neighbour takes the record whatever was translated before, and says what came of it."""

    done: bool = False
    fault: Fault | None = None


class Turn:
    """The place of an event among those that are routed together: it begins behind the one before."""

    def __init__(self, before: Turn | None) -> None:
        self._before = before
        self._passed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def begin(self) -> None:
        """Wait for the event before. Raises InterruptedWaitError when that comes again."""
        if self._before is not None:
            await asyncio.shield(self._before._passed)

    def pass_on(self) -> None:
        """Let the event behind begin."""
        if not self._passed.done():
            self._passed.set_result(None)

    def stop(self) -> None:
        """Let none of the events behind begin."""
        if not self._passed.done():
            self._passed.set_exception(InterruptedWaitError("the event before comes again"))
            # Nobody may be behind.
            self._passed.exception()


class TranslateNeighbour(LaneAgent):
    """Translates the events of one neighbour; a cycle ends when all of its events are done."""

    domain: Neighbour

    def __init__(
        self,
        sender: CommandSender,
        persons: FindPersons,
        letters: DeadLetters,
        counters: ForeignCounters,
        done: TranslatedPositions,
        *,
        partitions: int,
    ) -> None:
        self._sender = sender
        self._persons = persons
        self._letters = letters
        self._counters = counters
        self._done = done
        self._partitions = partitions
        self._positions: OrderedDict[str, Mapping[str, int]] = OrderedDict()
        self._strangers: OrderedDict[Link, float] = OrderedDict()
        """With whom nobody was linked at the last try, and until when that is believed sooner."""

    async def process(self, batch: Batch) -> None:
        """Translate the events of this neighbour, groups of the same key in order."""
        by_domain = batch.once("records by neighbour", lambda: _by_domain(batch.records))
        if self.domain == NEIGHBOURS[0]:
            for record in by_domain.get("", ()):
                reason = "subject: that of no neighbour, the bridge did not write this"
                await dead_letter(self._letters, self.name, record, "undecodable", reason)
        records = by_domain.get(self.domain, ())
        if not records:
            return
        again = again_of(batch)
        if again is not None:
            for record in records:
                again.fault = await self._once(record)
                again.done = True
            return
        floor = await self._done.floor(self.domain, batch.partition)
        groups: dict[bytes, list[Record]] = {}
        last: Place | None = None
        for record in records:
            place = place_of(record)
            if place is not None and not place.is_behind(floor):
                self._counters.event(self.domain, "", "repeated")
                continue
            last = place or last
            groups.setdefault(record.key, []).append(record)
        room = asyncio.Semaphore(AT_ONCE)
        results = await asyncio.gather(
            *(self._group(records, room) for records in groups.values()), return_exceptions=True
        )
        # All have ended before an error goes on: none may send behind the back of the cycle that comes again.
        for result in results:
            if isinstance(result, BaseException):
                raise result
        if last is not None:
            self._done.advance(self.domain, batch.partition, last)

    def forget(self, partition: int) -> None:
        """Read the position of the partition again: another worker may have gone on."""
        self._done.forget(self.domain, partition)

    async def _once(self, record: Record) -> Fault | None:
        """Translate one record alone. A fault is told, and kept as a dead letter if it is another one than before."""
        turn = Turn(None)
        event, fault = await self._translated(record, turn)
        await self._bury(record, event, fault)
        turn.pass_on()
        return fault

    async def _group(self, records: Sequence[Record], room: asyncio.Semaphore) -> None:
        """One event after the other, but none waits for one whose order does not matter."""
        async with room:
            for begin in range(0, len(records), AT_ONCE):
                turn: Turn | None = None
                translating = []
                for record in records[begin : begin + AT_ONCE]:
                    turn = Turn(turn)
                    translating.append(self._in_turn(record, turn))
                for result in await asyncio.gather(*translating, return_exceptions=True):
                    if isinstance(result, BaseException):
                        raise result

    async def _in_turn(self, record: Record, turn: Turn) -> None:
        try:
            await turn.begin()
            await self._until_answered(record, turn)
        except BaseException:
            turn.stop()
            raise
        turn.pass_on()

    async def _until_answered(self, record: Record, turn: Turn) -> None:
        """Translate one event; what a server does not answer is asked again for ever."""
        backoff = FIRST_BACKOFF_S
        while True:
            try:
                await self._translate_or_bury(record, turn)
                return
            except InterruptedWaitError:
                raise
            except Exception as error:
                if not is_transient(error):
                    raise
                logger.warning("%s waits %.1f s: %s", self.name, backoff, error or type(error).__name__)
            await asyncio.sleep(backoff)
            backoff = min(2 * backoff, LAST_BACKOFF_S)

    async def _translate_or_bury(self, record: Record, turn: Turn) -> None:
        event, fault = await self._translated(record, turn)
        await self._bury(record, event, fault)

    async def _bury(self, record: Record, event: ForeignEvent | None, fault: Fault | None) -> None:
        if fault is not None:
            letter = letter_of(self.name, record, fault.cause, fault.reason)
            await self._letters.store(replace(letter, attempts=fault.attempts))
            self._counters.event(self.domain, event.type if event is not None else "", "dead_lettered")

    async def _translated(self, record: Record, turn: Turn) -> tuple[ForeignEvent | None, Fault | None]:
        """The event of a record, if it is one, and why it could not be translated, if it could not."""
        event: ForeignEvent | None = None
        try:
            subject, _ = headers.source(record.headers)
            event = read_foreign_event(record.value, subject=subject, stored_at=headers.stored_at(record.headers))
            await self._translate(event, turn)
            return event, None
        except Undecodable as error:
            return event, Fault(error.cause, error.reason)
        except NotCanonical as error:
            return event, Fault("undecodable", f"{dotted(error.path)}: {error.rule}")
        except headers.NotCarriedError as error:
            return event, Fault("undecodable", str(error))
        except UnresolvedPersonError as error:
            return event, Fault(UNRESOLVED, str(error), TRIES)
        except UndecidedError as error:
            return event, Fault("handler_failed", f"a command failed: {error}", TRIES)
        except Exception as error:
            if is_transient(error):
                raise
            logger.error("%s has a defect: %s", self.name, stack_of(error))
            return event, Fault("handler_failed", type(error).__name__)

    async def _translate(self, event: ForeignEvent, turn: Turn) -> None:
        becomes = translated(event)
        if isinstance(becomes, Signal):
            await self._signal(event, becomes)
            self._counters.event(self.domain, event.type, "signalled")
        elif isinstance(becomes, ForPersons):
            await self._for_persons(becomes, turn)
            self._counters.event(self.domain, event.type, "translated")
        else:
            self._counters.event(self.domain, event.type, "ignored")

    async def _signal(self, event: ForeignEvent, signal: Signal) -> None:
        command = signal_command(event, signal)
        outcome = await self._decided(command, await self._sender.send(command))
        self._count(command, outcome)

    async def _for_persons(self, becomes: ForPersons, turn: Turn) -> None:
        """One person after the other would let an event about many hold up all others."""
        if not becomes.spec.ordered:
            turn.pass_on()
        persons = await self._concerned(becomes)
        if len(persons) == 1:
            await self._for_person(becomes, persons[0])
            return
        room = asyncio.Semaphore(AT_ONCE)

        async def one(person_id: str) -> None:
            async with room:
                await self._for_person(becomes, person_id)

        results = await asyncio.gather(*(one(person_id) for person_id in persons), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _concerned(self, becomes: ForPersons) -> Sequence[str]:
        """Whom an event concerns, merged persons replaced; raises UnresolvedPersonError when that must be one and is not."""
        if becomes.person_id is not None:
            return [await self._persons.target_of(becomes.person_id)]
        link = becomes.link
        if becomes.spec.whom == "everybody":
            return [] if link is None else await self._persons.linked(link, level=True)
        if link is None:
            raise UnresolvedPersonError("the event names no person")
        found = await self._linked(link)
        if len(found) != 1:
            raise UnresolvedPersonError(f"{len(found) or 'no'} persons are linked by kind {link.kind}")
        return found

    async def _linked(self, link: Link) -> Sequence[str]:
        """Who is linked; nobody only at the third try: it may have been linked a moment ago."""
        if time.monotonic() < self._strangers.get(link, 0.0):
            return await self._persons.linked(link, level=True)
        delay = FIRST_DELAY_S
        for number in range(TRIES):
            if number:
                await asyncio.sleep(delay)
                delay *= 4
            found = await self._persons.linked(link, level=number > 0)
            if found:
                self._strangers.pop(link, None)
                return found
        _keep(self._strangers, link, time.monotonic() + STRANGER_FOR_S)
        return ()

    async def _for_person(self, becomes: ForPersons, person_id: str) -> None:
        known = KnownPerson()
        if becomes.spec.needs_person:
            known = await self._persons.known(person_id, self._positions.get(person_id))
        sent: list[Sent] = []
        try:
            for wish in becomes.wishes(known):
                one = await self._send(becomes.event, wish, person_id, becomes.person_id)
                if wish.otherwise:
                    await self._settle(one, becomes.person_id)
                else:
                    # Commands of a person are decided in the order in which they are stored.
                    sent.append(one)
        finally:
            results = await asyncio.gather(
                *(self._settle(one, becomes.person_id) for one in sent), return_exceptions=True
            )
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _send(self, event: ForeignEvent, wish: Wish, person_id: str, named: str | None) -> Sent:
        command = command_of(event, wish, person_id, is_named=person_id == named)
        return Sent(event, wish, person_id, command, await self._sender.send(command))

    async def _settle(self, sent: Sent, named: str | None) -> None:
        """Wait for the outcome of a command, and send what comes in its place when it is refused."""
        for _ in range(MAX_REDIRECTS):
            outcome = await self._decided(sent.command, sent.waiting)
            self._count(sent.command, outcome)
            if outcome.status == "accepted":
                self._remember(sent.person_id, outcome)
                return
            target = outcome.facts.get("target")
            otherwise = sent.wish.otherwise.get(outcome.code)
            if otherwise is not None:
                sent = await self._send(sent.event, otherwise(outcome.facts), sent.person_id, named)
            elif outcome.code == "merged_away" and is_person_id(target):
                # The merge was not in the tables yet when the person was looked for.
                sent = await self._send(sent.event, sent.wish, str(target), named)
            else:
                return

    async def _decided(self, command: AdapterCommand, waiting: asyncio.Future[CommandOutcome]) -> CommandOutcome:
        """The decision on a command; one that fails is sent again, twice. Raises UndecidedError."""
        outcome = await self._sender.outcome(command, waiting)
        delay = FIRST_DELAY_S
        for _ in range(TRIES - 1):
            if outcome.status != "failed":
                return outcome
            await asyncio.sleep(delay)
            delay *= 4
            outcome = await self._sender.outcome(command, await self._sender.send(command))
        if outcome.status == "failed":
            self._count(command, outcome)
            raise UndecidedError(outcome.code)
        return outcome

    def _count(self, command: AdapterCommand, outcome: CommandOutcome) -> None:
        self._counters.command(self.domain, command.type, outcome.status, outcome.code)

    def _remember(self, person_id: str, outcome: CommandOutcome) -> None:
        if outcome.position is None or outcome.position["partition"] != partition_of(person_id, self._partitions):
            return
        _keep(self._positions, person_id, outcome.position)


def begin_again(batch: Batch, again: TranslateAgain) -> None:
    """Say that a batch brings one dead letter again, before any translator sees it."""
    batch.once(_AGAIN, lambda: again)


def again_of(batch: Batch) -> TranslateAgain | None:
    """The redrive that this cycle is for, if it is for one."""
    return batch.once(_AGAIN, _none)


_AGAIN: Final = "translate again"


def _none() -> TranslateAgain | None:
    return None


def _keep(kept: OrderedDict[K, V], key: K, value: V) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > REMEMBERED:
        kept.popitem(last=False)


def _by_domain(records: Sequence[Record]) -> Mapping[str, list[Record]]:
    """Records by the neighbour in whose subject they were stored, those of none under an empty text."""
    found: dict[str, list[Record]] = {}
    for record in records:
        domain = record.headers.get(headers.SUBJECT, b"").decode(errors="replace").partition(".")[0]
        found.setdefault(domain if domain in NEIGHBOURS else "", []).append(record)
    return found
