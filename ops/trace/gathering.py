"""Finds the messages of a flow in JetStream: by any id that occurs in it, whoever sent it and whether a worker runs or not.

Guarantee: streams are read up to where they ended when the search began, and nothing else is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from nats.aio.client import Client

from agents.live_position import position_subject
from agents.saga_reading import SagaHistory
from bridge import read
from bridge.jetstream import Delivery
from bridge.scan import scan
from config import streams
from domain.ids import is_uuid
from domain.partitions import partition_of
from domain.sagas.saga_events import SagaEvent
from domain.subjects import person_filter
from ops.trace.hop import KINDS, Hop, hop_of

CLOCKS_DIFFER = timedelta(minutes=10)
"""So far the clock of a sender may be ahead of that of the servers, where its id tells when to begin to look."""
MAX_CORRELATIONS = 20
"""A saga takes inputs of several correlations; so many are followed."""

Progress = Callable[[int], None]
"""Told how many messages were read so far."""


class UnknownFlowError(Exception):
    """No stream holds a message with the id; the message says where else to look."""


@dataclass
class Gathered:
    """All hops that belong to a flow, and the complete histories of the sagas among them."""

    hops: list[Hop] = field(default_factory=list)
    sagas: dict[str, Sequence[SagaEvent]] = field(default_factory=dict)
    read: int = 0
    """Messages that were looked at."""


class FlowSearch:
    """One search, over all streams or, for one person, over what concerns that person."""

    def __init__(
        self,
        nc: Client,
        *,
        partitions: int,
        person_id: str | None = None,
        since: datetime | None = None,
        progress: Progress,
    ) -> None:
        self._nc = nc
        self._partitions = partitions
        self._person_id = person_id
        self._since = since
        self._progress = progress
        self._read = 0

    async def of_id(self, wanted: str) -> Gathered:
        """The flows in which a message, its cause, its correlation or a saga has an id. Raises UnknownFlowError."""
        begin = self._since or begin_of(wanted)
        found = await self._holding(wanted, begin)
        if not any(_is_about(one, wanted) for one in found) and begin is not None and self._since is None:
            # Its sender's clock was wrong, or it is no id of this time.
            found = await self._holding(wanted, None)
        correlations = list(dict.fromkeys(one.correlation for one in found if _is_about(one, wanted)))
        if not correlations:
            raise UnknownFlowError(
                f"no stream holds a message {wanted}, nor what one of that id caused. A command that was refused leaves no event, "
                "and is removed within 24 hours: `person outcome` may still know it. Of a person, name an event: --person ID --event N"
            )
        return await self._flows(correlations, found, known=wanted)

    async def of_event(self, person_id: str, version: int) -> Gathered:
        """The flow of the event with which a person got a version. Raises UnknownFlowError."""
        async for message in read.messages(self._nc, streams.EVENTS, person_filter(person_id)):
            hop = hop_of(streams.EVENTS, _as_delivery(message))
            if hop is not None and hop.version == version:
                return await self._flows([hop.correlation], [], known="")
        raise UnknownFlowError(f"the person has no event {version}")

    async def _flows(self, correlations: Sequence[str], found: Sequence[Hop], *, known: str) -> Gathered:
        gathered = Gathered()
        kept: dict[tuple[str, int], Hop] = {}
        for correlation in correlations[:MAX_CORRELATIONS]:
            holding = (
                found
                if correlation == known
                else await self._holding(correlation, self._since or begin_of(correlation))
            )
            for one in holding:
                if one.correlation == correlation:
                    kept[one.stream, one.stream_sequence] = one
        history = SagaHistory(self._nc)
        for saga_id in sorted({one.saga_id for one in kept.values() if one.kind == "saga event"}):
            gathered.sagas[saga_id] = [one.event async for one in history.arrivals(saga_id) if one.event is not None]
        gathered.hops = await self._with_visibility(list(kept.values()))
        gathered.read = self._read
        return gathered

    async def _holding(self, wanted: str, begin: datetime | None) -> list[Hop]:
        found = await asyncio.gather(*(self._in_stream(stream, wanted.encode(), begin) for stream in KINDS))
        return [hop for hops in found for hop in hops]

    async def _in_stream(self, stream: str, wanted: bytes, begin: datetime | None) -> list[Hop]:
        found: list[Hop] = []
        async for chunk in scan(self._nc, stream, self._filters(stream), since=begin):
            for delivery in chunk:
                # A look into the bytes is enough for nearly all of them.
                if wanted in delivery.data or wanted in delivery.subject.encode():
                    hop = hop_of(stream, delivery)
                    if hop is not None:
                        found.append(hop)
            self._read += len(chunk)
            self._progress(self._read)
        return found

    def _filters(self, stream: str) -> Sequence[str]:
        if self._person_id is None:
            return ()
        if stream == streams.EVENTS:
            return (person_filter(self._person_id),)
        return (f"person.sagas.*.*.*.{self._person_id}.*",) if stream == streams.SAGAS else ()

    async def _with_visibility(self, hops: Iterable[Hop]) -> list[Hop]:
        """What the live positions tell: below them, tables hold an event and its effects are sent."""
        positions: dict[tuple[str, int], int | None] = {}
        told = []
        for one in hops:
            of = {"event": "events", "saga event": "sagas"}.get(one.kind)
            # Positions are kept by partitions of the workers, which may be others than those of the stream.
            if of is None or one.partition is None or one.partition != partition_of(one.person_id, self._partitions):
                told.append(one)
                continue
            if (of, one.partition) not in positions:
                message = await read.last_message(self._nc, streams.POSITIONS, position_subject(one.partition, of))
                positions[of, one.partition] = None if message is None else int(message.data)
            position = positions[of, one.partition]
            told.append(replace(one, visible=None if position is None else one.stream_sequence <= position))
        return told


def begin_of(message_id: str) -> datetime | None:
    """From when on a flow with an id may have messages: ids of version 7 tell when they were made. None for others."""
    if not is_uuid(message_id):
        return None
    made = UUID(message_id)
    if made.version != 7:
        return None
    return datetime.fromtimestamp((made.int >> 80) / 1000, UTC) - CLOCKS_DIFFER


def _is_about(hop: Hop, wanted: str) -> bool:
    return wanted in (hop.id, hop.causation, hop.correlation) or (hop.kind == "saga event" and hop.saga_id == wanted)


def _as_delivery(message: read.StoredMessage) -> Delivery:
    stored_ns = int(message.stored_at.timestamp() * 1e9)
    return Delivery(message.subject, message.data, {}, message.stream_sequence, 0, stored_ns, "")
