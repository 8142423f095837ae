"""Where operators bring dead letters of any route: look, edit, dry-run, redrive, discard, and see what was done.

Guarantee: an act is recorded with who did it, why and when. A redrive is recorded behind its effect, so that one that was cut off is done
again, which has no second effect; a discard of a message is its record. A letter that is closed is not redriven."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from nats.aio.client import Client

from agents.reading import EventLog
from agents.redrive import NotDoneError
from agents.redrive_foreign import original
from bridge.errors import AppendRefusedError, BridgeError
from bridge.letter_acts import DISCARDED, EDITED, FAILED, REDRIVEN, Act, LetterActs, Place, act_in
from bridge.running import RunningRoutes
from bridge.stored_letters import letter_at
from config.streams import DEAD_LETTERS
from domain.times import format_instant
from queries.dead_letters.carried import EgressLetters, IngressLetters
from queries.dead_letters.census import PREFIX, LetterCensus, OpenLetter, opened
from queries.dead_letters.commands import CommandLetters
from queries.dead_letters.foreign import ForeignLetters
from queries.dead_letters.handling import Handling, Message, Occasion, Redriven, impossible
from queries.dead_letters.letter_id import SAGA, MessageId, ParkedId, SagaId, parsed
from queries.dead_letters.owners import Owners
from queries.dead_letters.parked import ParkedPersons, place_of
from queries.dead_letters.rows import SAGA_CONSUMER, Row, of_message, of_saga
from queries.dead_letters.sagas import NOT_EDITABLE, SagaLetters, parked_saga, retried
from queries.dead_letters.sorting import ON_COMMANDS, ON_EVENTS, ON_FOREIGN, ON_SAGAS
from queries.frame import QueryError

NOT_OPEN = QueryError("not_found", "no such dead letter is open", field="letter")


class DeskSettings(NamedTuple):
    """What the desk has to know of the installation; the topics are those that its lanes read."""

    app_id: str
    partitions: int
    command_max_bytes: int
    commands_topic: str
    foreign_topic: str


class DeadLetterDesk:
    """The dead letters of one installation, as any worker serves them."""

    def __init__(self, nc: Client, log: EventLog, routes: RunningRoutes, settings: DeskSettings) -> None:
        owners = Owners(nc, settings.app_id)
        self._nc = nc
        self._settings = settings
        self._routes = routes
        self._acts = LetterActs(nc, DEAD_LETTERS, PREFIX)
        self._parked = ParkedPersons(log, owners)
        self._commands = CommandLetters(nc, partitions=settings.partitions, max_bytes=settings.command_max_bytes)
        self._foreign = ForeignLetters(owners, partitions=settings.partitions)
        self._sagas = SagaLetters(nc)
        self.census = LetterCensus(nc)

    @property
    def routes_of_bridge(self) -> list[str]:
        """Names of the routes that the bridge of this installation has."""
        return self._routes.names

    async def messages(self) -> list[Row]:
        """Open messages of all routes; raises QueryError when the stream cannot be read."""
        try:
            return [of_message(one, self.census) for one in await self.census.open_letters()]
        except BridgeError as error:
            raise QueryError("unavailable", f"the dead letters cannot be read ({type(error).__name__})") from None

    async def show(self, name: str, occasion: Occasion) -> dict[str, Any]:
        """One letter: its row, what waits, its data if they are asked for, what can be done and what was done."""
        match parsed(name):
            case ParkedId() as parked:
                row = await self._parked_row(parked, occasion)
                place = place_of(row)
                events = [one async for one in self._parked.events(row, with_data=occasion.with_data)]
                shown: dict[str, Any] = {"row": row.told(), "events": events}
            case SagaId(saga_id):
                row = await self._saga_row(saga_id, occasion)
                place = _saga_place(saga_id)
                shown = {"row": row.told(), "events": []}
            case MessageId(number):
                message, one = await self._message(number, occasion)
                row, place = of_message(one, self.census), message.place
                shown = {"row": row.told(), "events": [], **_bytes_of(message, occasion)}
        copy = await self._copy(place)
        return {
            "data": None,
            "data_base64": None,
            **shown,
            "row": {**shown["row"], "edited": copy is not None},
            "copy": None if copy is None else told_act(copy, with_data=occasion.with_data),
            "acts": [told_act(act) for act in await self._acts_on(place)],
            "next": _next_step(row),
        }

    async def edit(self, name: str, copy: bytes, occasion: Occasion) -> dict[str, Any]:
        """Keep an edited copy that can be handled; raises QueryError that names field and rule for any other."""
        match parsed(name):
            case ParkedId() as parked:
                row = await self._parked_row(parked, occasion)
                await self._parked.check(row, copy)
                place, name = place_of(row), row.letter
            case SagaId():
                raise impossible(NOT_EDITABLE)
            case MessageId(number):
                message, _ = await self._message(number, occasion, copy)
                await self._handling(message).check(message)
                place = message.place
        expected = await self._acts.last_number(place)
        act = Act(EDITED, place, occasion.by, occasion.why, name, occasion.recorded({"bytes": len(copy)}), copy)
        try:
            number = await self._acts.record(act, expected=expected)
        except AppendRefusedError:
            raise QueryError("unavailable", "somebody else has just acted on this letter; look again") from None
        except BridgeError as error:
            raise QueryError("invalid_query", f"data: {error}", field="data", rule="size") from None
        return {"letter": name, "act": number, "digest": act.digest}

    async def dry_run(self, name: str, occasion: Occasion) -> dict[str, Any]:
        """What a redrive would do now."""
        match parsed(name):
            case ParkedId() as parked:
                row = await self._parked_row(parked, occasion)
                copy = await self._copy(place_of(row))
                instead = None if copy is None or copy.copy is None else copy.copy.decode()
                return {"letter": row.letter, **await self._parked.preview(row, occasion, instead)}
            case SagaId(saga_id):
                row = await self._saga_row(saga_id, occasion)
                return {"letter": name, "becomes": "person.commands.saga.retry", "reason": row.reason}
            case MessageId(number):
                message, _ = await self._message(number, occasion)
                return {"letter": name, **await self._handling(message).preview(message)}

    async def redrive(self, name: str, occasion: Occasion) -> Redriven:
        """Bring a letter to where it failed again, and record it; one that is done already is left alone."""
        match parsed(name):
            case ParkedId() as parked:
                found = await self._parked.row(parked, occasion)
                if found is None:
                    return Redriven(True, again=True)
                place = place_of(found)
                copy = await self._copy(place)
                done = await self._parked.redrive(found, occasion, None if copy is None else copy.number)
                name = found.letter
            case SagaId(saga_id):
                saga = await parked_saga(occasion.ask, saga_id)
                if saga is None:
                    return Redriven(True, again=True)
                place = _saga_place(saga_id)
                done = await retried(self._nc, saga, occasion)
            case MessageId(number):
                if await self._is_closed(number):
                    return Redriven(True, again=True)
                message, _ = await self._message(number, occasion)
                place = message.place
                done = await self._handling(message).redrive(message)
        await self._record(REDRIVEN if done.done else FAILED, place, name, occasion, done.recorded())
        return done

    async def discard(self, name: str, occasion: Occasion) -> Redriven:
        """Leave a message out for ever, and record it."""
        match parsed(name):
            case ParkedId() as parked:
                if parked.stream_sequence is None:
                    raise impossible("a discard names the event, as AGENT/PERSON_ID/STREAM_SEQUENCE")
                row = await self._parked_row(parked, occasion)
                place = place_of(row)
                done = await self._parked.discard(row, occasion)
            case SagaId():
                raise impossible("a saga is not discarded; `person sagas abort` and `skip` end it or a step of it")
            case MessageId(number):
                if await self._is_closed(number):
                    return Redriven(True, again=True)
                message, _ = await self._message(number, occasion)
                place = message.place
                done = Redriven(True)
        await self._record(DISCARDED, place, name, occasion, done.recorded())
        return done

    async def acts(self, name: str | None, limit: int) -> list[dict[str, Any]]:
        """What was done, newest first: to one letter or to all."""
        if name is None:
            numbers = await self.census.newest_acts(limit)
        else:
            place = await self._place(name)
            numbers = [act.number for act in await self._acts_on(place)][:limit]
        found = [await letter_at(self._nc, DEAD_LETTERS, number) for number in numbers]
        return [told_act(act_in(one)) for one in found if one is not None]

    async def _place(self, name: str) -> Place:
        match parsed(name):
            case ParkedId(agent, _, sequence):
                if sequence is None:
                    raise impossible("acts are those on one event, AGENT/PERSON_ID/STREAM_SEQUENCE")
                return Place(agent, "PERSON_EVENTS", str(sequence))
            case SagaId(saga_id):
                return _saga_place(saga_id)
            case MessageId(number):
                letter = await letter_at(self._nc, DEAD_LETTERS, number)
                if letter is None:
                    raise NOT_OPEN
                return Place(letter.consumer, letter.source, letter.sequence)

    async def _acts_on(self, place: Place) -> list[Act]:
        """Acts on the message of a place by whichever consumer, newest first."""
        return [act async for act in self._acts.of(place)][::-1]

    async def _copy(self, place: Place) -> Act | None:
        """The act that holds the newest edited copy of the message of a place, whoever could not handle it."""
        number = await self.census.copy_of(place)
        stored = None if number is None else await letter_at(self._nc, DEAD_LETTERS, number)
        return None if stored is None else act_in(stored)

    async def _parked_row(self, parked: ParkedId, occasion: Occasion) -> Row:
        row = await self._parked.row(parked, occasion)
        if row is None:
            raise QueryError("not_found", "the person is not parked for this agent at this event", field="letter")
        return row

    async def _saga_row(self, saga_id: str, occasion: Occasion) -> Row:
        saga = await parked_saga(occasion.ask, saga_id)
        if saga is None:
            raise QueryError("not_found", "the saga is not parked", field="letter")
        return of_saga(saga)

    async def _is_closed(self, number: int) -> bool:
        letter = await letter_at(self._nc, DEAD_LETTERS, number)
        if letter is None:
            raise NOT_OPEN
        return await self.census.is_closed(Place(letter.consumer, letter.source, letter.sequence), number)

    async def _message(
        self, number: int, occasion: Occasion, edited: bytes | None = None
    ) -> tuple[Message, OpenLetter]:
        letter = await letter_at(self._nc, DEAD_LETTERS, number)
        if letter is None or letter.subject.startswith(f"{PREFIX}.acts."):
            raise NOT_OPEN
        one = opened(letter)
        copy = await self._copy(one.place) if edited is None else None
        try:
            data = edited if edited is not None else copy.copy if copy is not None else await original(self._nc, letter)
        except NotDoneError as error:
            raise impossible(str(error)) from None
        number_of_copy = 0 if edited is not None else None if copy is None else copy.number
        message = Message(letter, one.place, data or b"", one.person_id, one.saga_id, occasion, number_of_copy)
        return message, one

    def _handling(self, message: Message) -> Handling:
        """What the route of a letter offers; raises QueryError when it is no longer there."""
        one = opened(message.letter)
        named: Mapping[str, Handling] = {
            ON_COMMANDS: self._commands,
            ON_FOREIGN: self._foreign,
            ON_SAGAS: self._sagas,
        }
        if message.letter.consumer != one.route and one.route in named:
            return named[one.route]
        if one.route == ON_EVENTS and message.letter.consumer != ON_EVENTS:
            raise impossible("the record belongs to no person, so there is nobody whose events it could join")
        ingress, egress = self._routes.ingress_redrive(one.route), self._routes.egress_redrive(one.route)
        if egress is not None:
            return EgressLetters(egress, egress.stream)
        if ingress is None:
            raise impossible(f"there is no route {one.route} any more")
        if ingress.topic == self._settings.foreign_topic:
            return self._foreign
        if ingress.topic == self._settings.commands_topic:
            return self._commands
        return IngressLetters(ingress, ingress.topic)

    async def _record(
        self, name: str, place: Place, letter: str, occasion: Occasion, result: Mapping[str, Any]
    ) -> None:
        try:
            await self._acts.record(Act(name, place, occasion.by, occasion.why, letter, occasion.recorded(result)))
        except BridgeError as error:
            raise QueryError(
                "unavailable", f"the act is done and not recorded ({type(error).__name__}); ask again"
            ) from None


def told_act(act: Act, *, with_data: bool = False) -> dict[str, Any]:
    """An act as answers show it."""
    return {
        "act": act.name,
        "number": act.number,
        "letter": act.letter,
        "agent": act.place.consumer,
        "source": act.place.source,
        "sequence": act.place.sequence,
        "by": act.by,
        "why": act.why,
        "at": format_instant(act.at or datetime.now(UTC)),
        "result": dict(act.result),
        "digest": act.digest,
        "data": act.copy.decode(errors="replace") if with_data and act.copy is not None else None,
    }


def _saga_place(saga_id: str) -> Place:
    return Place(SAGA_CONSUMER, SAGA, saga_id)


def _bytes_of(message: Message, occasion: Occasion) -> dict[str, Any]:
    """The original bytes, as text where they are one; never those of a copy."""
    if not occasion.with_data:
        return {}
    data = message.letter.data
    try:
        return {"data": data.decode()}
    except UnicodeDecodeError:
        return {"data_base64": base64.b64encode(data).decode()}


def _next_step(row: Row) -> str:
    """What an operator does next, as verbs."""
    if row.kind == "saga":
        return f"person dlq redrive {row.letter}, which retries it, or person sagas skip or abort {row.saga_id}"
    if row.route == ON_SAGAS:
        return f"person dlq redrive {row.letter}, which retries the parked saga; person sagas show tells more"
    return f"person dlq dry-run {row.letter}, then redrive, edit or discard it"
