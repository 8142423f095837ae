"""Carries one Kafka record to the target of its route again, after its route had to pass over it.

Guarantee: a record is carried so once, for ever: the message and a mark of its offset are stored in one atomic batch, and the mark
can be stored once only. It comes behind the records that the route has carried since."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from nats.aio.client import Client

from bridge.batch import Outgoing, writer_of
from bridge.egress_mapping import EgressMapping
from bridge.errors import AppendRefusedError, BridgeError
from bridge.read import last_message
from bridge.routes import EgressRoute
from bridge.target_stream import limits_of_target
from connections.kafka_cluster import KafkaCluster, kafka_options

READ_WITHIN_S = 5.0
ANSWER_S = 10.0


class RecordPlace(NamedTuple):
    """Where a record lies in the topic of its route."""

    partition: int
    offset: int


class RecordGoneError(BridgeError):
    """Kafka holds the record no longer: its key and headers are lost, so what the message would be is not known."""


class _Edited:
    """A record with another value."""

    def __init__(self, record: Any, value: bytes) -> None:
        self.key = record.key
        self.offset = record.offset
        self.timestamp = record.timestamp
        self.headers = record.headers
        self.value = value


class EgressRedrive:
    """Redrives of one route."""

    def __init__(self, nc: Client, route: EgressRoute, installation: str, kafka: KafkaCluster | str) -> None:
        self._nc = nc
        self._route = route
        self._installation = installation
        self._kafka = kafka

    @property
    def stream(self) -> str:
        """The target of the route."""
        return self._route.target.stream

    async def message(self, place: RecordPlace, value: bytes | None = None) -> Outgoing | None:
        """What the record becomes by the route as it is now, with another value if one is given; None where the loop guard holds it back.

        Raises UnmappableError when it still cannot be carried, RecordGoneError when Kafka has deleted it.
        """
        record = await self._record(place)
        limits = await limits_of_target(self._nc, self._route)
        mapping = EgressMapping(self._route, place.partition, self._installation, limits)
        return mapping(record if value is None else _Edited(record, value))

    async def redrive(self, place: RecordPlace, value: bytes | None = None) -> bool:
        """Carry the record; False when it was carried so before. Raises like `message`, and BridgeError when the stream refuses."""
        message = await self.message(place, value)
        if message is None:
            return False
        mark = self.mark(place)
        headers = b"Nats-Expected-Last-Subject-Sequence: 0\r\nNats-TTL: never\r\n"
        writer = writer_of(self._nc)
        try:
            # The mark last: it is what the expectation is about.
            sent = await writer.send([message, Outgoing(mark.encode(), headers, b"")])
            await writer.stored(sent, timeout_s=ANSWER_S)
        except AppendRefusedError:
            if await self.is_carried(place):
                return False
            raise
        return True

    async def is_carried(self, place: RecordPlace) -> bool:
        """Whether the record was carried by a redrive before."""
        return await last_message(self._nc, self._route.target.stream, self.mark(place)) is not None

    def mark(self, place: RecordPlace) -> str:
        """The subject that says that a record was carried; beside the positions of the route."""
        return f"{self._route.checkpoint}.redriven-{place.partition}-{place.offset}"

    async def _record(self, place: RecordPlace) -> Any:
        consumer = AIOKafkaConsumer(**kafka_options(self._kafka), enable_auto_commit=False, auto_offset_reset="none")
        await consumer.start()
        try:
            partition = TopicPartition(self._route.source.topic, place.partition)
            consumer.assign([partition])
            first = (await consumer.beginning_offsets([partition]))[partition]
            end = (await consumer.end_offsets([partition]))[partition]
            if not first <= place.offset < end:
                raise RecordGoneError(
                    f"{partition.topic}[{partition.partition}] holds offsets {first} to {end - 1}, not {place.offset}"
                )
            consumer.seek(partition, place.offset)
            async with asyncio.timeout(READ_WITHIN_S):
                record = await consumer.getone(partition)
        except TimeoutError as error:
            raise BridgeError(f"the record at offset {place.offset} could not be read in time") from error
        finally:
            await consumer.stop()
        if record.offset != place.offset:
            raise RecordGoneError(f"{partition.topic}[{partition.partition}] no longer holds offset {place.offset}")
        return record
