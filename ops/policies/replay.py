"""Events of persons as policies see them, read from JetStream alone: each with the person right after it.

Guarantee: bounded by where the stream ended when a read began; the same pure functions as in the workers fold and ask.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from nats.aio.client import Client

from bridge import read
from bridge.read import StoredMessage
from bridge.scan import scan
from config.streams import EVENTS
from domain.event_catalogue import EVENTS as CATALOGUE
from domain.events import Event, read_event
from domain.evolve import SequenceGap, apply
from domain.person import Person
from domain.subjects import EVENT_SUBJECTS, parse_event_subject, person_filter
from domain.undecodable import Undecodable

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Unreadable(Exception):  # noqa: N818 - named as what happened
    """The events of a person cannot be folded beyond some point; the message names the sequence and the cause."""


class Happened(NamedTuple):
    """An event, the person right after it, and when and where it was stored."""

    event: Event
    person: Person
    stored_at: datetime
    stream_sequence: int


async def history(nc: Client, person_id: str) -> AsyncIterator[Happened]:
    """Everything that happened to a person, from the first event on. Raises Unreadable."""
    person = Person.new(person_id)
    async for message in read.messages(nc, EVENTS, person_filter(person_id)):
        happened = after(person, message)
        person = happened.person
        yield happened


def after(person: Person, message: StoredMessage) -> Happened:
    """The next event of a person, in a stored message. Raises Unreadable."""
    try:
        event = read_event(message.data, subject=message.subject)
        return Happened(event, apply(person, event), message.stored_at, message.stream_sequence)
    except (Undecodable, SequenceGap) as error:
        raise Unreadable(f"event behind sequence {person.version}: {error}") from None


async def events_of_type(
    nc: Client, event_type: str, since: datetime | None = None
) -> AsyncGenerator[StoredMessage, None]:
    """Events of one type in the order of the stream, those stored since a moment or all."""
    spec = CATALOGUE[event_type]
    async with aclosing(
        stored_messages(nc, EVENTS, f"{EVENT_SUBJECTS}.{spec.context}.{spec.name}.>", since)
    ) as messages:
        async for message in messages:
            if person_of(message) is not None:
                yield message


async def stored_messages(
    nc: Client, stream: str, subject: str, since: datetime | None = None
) -> AsyncGenerator[StoredMessage, None]:
    """Messages under a subject that the stream holds when the read begins, those stored since a moment or all; many in one go."""
    async with aclosing(scan(nc, stream, [subject], since=since)) as found:
        async for some in found:
            for one in some:
                stored_at = EPOCH + timedelta(microseconds=one.stored_ns // 1000)
                yield StoredMessage(one.subject, one.data, one.stream_sequence, stored_at)


def person_of(message: StoredMessage) -> str | None:
    """The person of a stored event; None for what is no event: whoever may write to the stream can store anything, which workers dead-letter."""
    try:
        return parse_event_subject(message.subject).person_id
    except ValueError:
        return None
