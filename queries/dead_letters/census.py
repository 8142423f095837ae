"""The open dead letters as one worker knows them: the stream is read once, and from then on what is new.

Guarantee: what is told holds everything that the stream held when the question came. Events in quarantine are not in it: their letters
may be many, and who waits is told by the table."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from nats.aio.client import Client

from bridge.jetstream import api
from bridge.letter_acts import CLOSING, EDITED, FAILED, Place, is_act
from bridge.stored_letters import StoredLetter, letter_at, letters_after
from bridge.subjects import decode_token
from config.streams import DEAD_LETTERS
from queries.dead_letters.sorting import ON_SAGAS, is_parked_event, needs_bytes, person_of, route_of, saga_of

PREFIX = "person.dlq"
ACTS_REMEMBERED = 10_000
AT_ONCE = 64
"""Letters whose bytes are read together."""
DISCARDED_EVENT = "discarded"
"""Cause of the letter that says that an event of a person was left out."""


class OpenLetter(NamedTuple):
    """A message that nobody has redriven or discarded yet."""

    number: int
    since: datetime
    place: Place
    route: str
    subject: str
    cause: str
    reason: str
    attempts: int
    whole: bool
    person_id: str | None
    saga_id: str | None


class LetterCensus:
    """Reads the dead-letter stream of one installation."""

    def __init__(self, nc: Client) -> None:
        self._nc = nc
        self._read = 0
        self._open: dict[Place, OpenLetter] = {}
        self._closed: dict[Place, int] = {}
        self._copies: dict[tuple[str, str], int] = {}
        """By source and place there: a copy stands for the message, whoever could not handle it."""
        self._failures: Counter[Place] = Counter()
        self._acts: deque[int] = deque(maxlen=ACTS_REMEMBERED)
        self._one_reader = asyncio.Lock()

    async def open_letters(self) -> Iterable[OpenLetter]:
        """All open letters; raises errors of the server."""
        await self._level()
        return list(self._open.values())

    async def newest_acts(self, limit: int) -> list[int]:
        """Numbers of the newest acts, newest first; raises errors of the server."""
        await self._level()
        return [number for _, number in zip(range(limit), reversed(self._acts), strict=False)]

    async def copy_of(self, place: Place) -> int | None:
        """The number of the act that holds the newest edited copy for a place; raises errors of the server."""
        await self._level()
        return self._copies.get((place.source, place.sequence))

    async def is_closed(self, place: Place, number: int) -> bool:
        """Whether a letter was redriven or discarded; raises errors of the server."""
        await self._level()
        return self._closed.get(place, 0) > number

    def is_edited(self, place: Place) -> bool:
        """Whether there is an edited copy, as of the last question."""
        return (place.source, place.sequence) in self._copies

    def failed_redrives(self, place: Place) -> int:
        """How often a redrive has failed, as of the last question."""
        return self._failures[place]

    async def _level(self) -> None:
        async with self._one_reader:
            state: Mapping[str, int] = (await api(self._nc, f"STREAM.INFO.{DEAD_LETTERS}"))["state"]
            if state["last_seq"] < self._read:
                # The stream was made anew.
                self._read = 0
                for kept in (self._open, self._closed, self._copies, self._failures):
                    kept.clear()
                self._acts.clear()
            for place in [place for place, one in self._open.items() if one.number < state["first_seq"]]:
                del self._open[place]
            self._closed = {place: number for place, number in self._closed.items() if number >= state["first_seq"]}
            self._copies = {key: number for key, number in self._copies.items() if number >= state["first_seq"]}
            if state["last_seq"] == self._read:
                return
            together: list[StoredLetter] = []
            async for letter in letters_after(self._nc, DEAD_LETTERS, f"{PREFIX}.>", self._read):
                together.append(letter)
                if len(together) == AT_ONCE:
                    await self._take_all(together)
                    together = []
            await self._take_all(together)
            # What lies between was removed by somebody.
            self._read = max(self._read, state["last_seq"])

    async def _take_all(self, letters: Sequence[StoredLetter]) -> None:
        for letter in await asyncio.gather(*(self._whole(one) for one in letters)):
            self._take(letter)
            self._read = letter.number

    async def _whole(self, letter: StoredLetter) -> StoredLetter:
        if is_act(letter, PREFIX) or is_parked_event(letter) or not needs_bytes(letter):
            return letter
        return await letter_at(self._nc, DEAD_LETTERS, letter.number) or letter

    def _take(self, letter: StoredLetter) -> None:
        if is_act(letter, PREFIX):
            self._take_act(letter)
        elif not is_parked_event(letter) and letter.cause != DISCARDED_EVENT:
            one = opened(letter)
            if letter.number > self._closed.get(one.place, 0):
                self._open[one.place] = one

    def _take_act(self, letter: StoredLetter) -> None:
        source, sequence = letter.subject.split(".")[-2:]
        place = Place(letter.consumer, _text(source), _text(sequence))
        name = letter.headers.get("Dead-Letter-Act", "")
        self._acts.append(letter.number)
        if name == EDITED:
            self._copies[place.source, place.sequence] = letter.number
        elif name == FAILED:
            self._failures[place] += 1
        elif name in CLOSING:
            self._closed[place] = letter.number
            self._open.pop(place, None)


def opened(letter: StoredLetter) -> OpenLetter:
    """What is remembered of a letter."""
    route = route_of(letter.consumer, letter.cause)
    return OpenLetter(
        letter.number,
        letter.stored_at.astimezone(UTC),
        Place(letter.consumer, letter.source, letter.sequence),
        route,
        letter.source_subject,
        letter.cause,
        letter.reason,
        letter.attempts,
        letter.whole,
        person_of(letter),
        saga_of(letter) if route == ON_SAGAS else None,
    )


def _text(token: str) -> str:
    return (decode_token(token) or b"").decode(errors="replace")
