"""How far the events of each neighbour are translated, per partition: what comes again from below a position is not translated again.

Guarantee: a position moves only behind events that are done, and it is kept in JetStream, not in Kafka: neither a consumer group that is
reset nor a consumer that is made anew repeats what was long ago. It is written once a second, so that after a crash the events of a
second are translated again, into the same commands."""

from __future__ import annotations

from typing import NamedTuple

import orjson
from nats.aio.client import Client

from agents.live_position import position_subject
from agents.periodic_writing import PeriodicWriting
from agents.publishing import publish
from bridge import headers, read
from config.streams import POSITIONS
from lanes.record import Record


class Place(NamedTuple):
    """Where an event lies in the stream of its neighbour. A stream that is made anew begins with sequence 1 at a later time."""

    sequence: int
    stored_ns: int

    def is_behind(self, other: Place) -> bool:
        """Whether it comes after another place of the stream, or of one that took its place."""
        return self.sequence > other.sequence or self.stored_ns > other.stored_ns


BEGINNING = Place(0, 0)


def place_of(record: Record) -> Place | None:
    """The place of a record, None of one that the bridge did not write."""
    try:
        return Place(headers.source(record.headers)[1], int(record.headers[headers.STORED]))
    except (headers.NotCarriedError, KeyError, ValueError):
        return None


class TranslatedPositions(PeriodicWriting):
    """The positions of a worker's partitions, for each neighbour."""

    what = "translated positions"

    def __init__(self, nc: Client) -> None:
        self._nc = nc
        self._floors: dict[tuple[str, int], Place] = {}
        self._reached: dict[tuple[str, int], Place] = {}
        self._written: dict[tuple[str, int], Place] = {}

    async def floor(self, domain: str, partition: int) -> Place:
        """The position when this worker took the partition over: all up to it is done.

        Raises what the servers' client raises when it cannot be read.
        """
        key = (domain, partition)
        known = self._floors.get(key)
        if known is None:
            known = self._floors[key] = await self._stored(domain, partition)
        return known

    def advance(self, domain: str, partition: int, place: Place) -> None:
        """Say that all events up to a place are done."""
        if place.is_behind(self._reached.get((domain, partition), BEGINNING)):
            self._reached[domain, partition] = place

    def forget(self, domain: str, partition: int) -> None:
        """Read the position again when it is asked for next: another worker may have moved it."""
        self._floors.pop((domain, partition), None)

    async def write(self) -> None:
        """Write what was reached and is not written yet."""
        for key, place in list(self._reached.items()):
            if self._written.get(key) != place:
                domain, partition = key
                await publish(self._nc, position_subject(partition, domain), orjson.dumps(place._asdict()), {})
                self._written[key] = place

    async def _stored(self, domain: str, partition: int) -> Place:
        message = await read.last_message(self._nc, POSITIONS, position_subject(partition, domain))
        return BEGINNING if message is None else Place(**orjson.loads(message.data))
