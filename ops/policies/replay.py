"""Events of persons as policies see them, read from JetStream alone: each with the person right after it.

Guarantee: bounded by where the stream ended when a read began; the same pure functions as in the workers fold and ask.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from nats.aio.client import Client
from nats.js.api import ConsumerConfig, DeliverPolicy

from bridge import read
from bridge.jetstream import Arrived, read_delivery
from bridge.read import StoredMessage
from config.streams import EVENTS
from domain.event_catalogue import EVENTS as CATALOGUE
from domain.events import Event, read_event
from domain.evolve import SequenceGap, apply
from domain.person import Person
from domain.subjects import EVENT_SUBJECTS, parse_event_subject, person_filter
from domain.undecodable import Undecodable

SILENCE_S = 10.0
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
    """Messages under a subject up to the newest one at the time of the call, many in one go."""
    last = await read.last_message(nc, stream, subject)
    if last is None or (since is not None and last.stored_at < since):
        return
    start = ConsumerConfig()
    if since is not None:
        start = ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_TIME, opt_start_time=since)
    subscription = await nc.jetstream().subscribe(subject, stream=stream, ordered_consumer=True, config=start)
    try:
        reached = 0
        while reached < last.stream_sequence:
            message = await subscription.next_msg(timeout=SILENCE_S)
            found = read_delivery(Arrived(message.subject.encode(), message.reply.encode(), message.data, None))
            reached = found.stream_sequence
            if reached <= last.stream_sequence:
                stored_at = EPOCH + timedelta(microseconds=found.stored_ns // 1000)
                yield StoredMessage(message.subject, message.data, reached, stored_at)
    finally:
        if not nc.is_closed:
            await subscription.unsubscribe()


def person_of(message: StoredMessage) -> str | None:
    """The person of a stored event; None for what is no event: whoever may write to the stream can store anything, which workers dead-letter."""
    try:
        return parse_event_subject(message.subject).person_id
    except ValueError:
        return None
