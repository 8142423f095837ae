"""One egress route in one worker: its membership of the group, its lanes and its dead letters."""

from __future__ import annotations

from typing import Any, NamedTuple

from nats.aio.client import Client

from bridge.batch import BatchWriter
from bridge.checkpoint import Checkpoint
from bridge.dead_letters import HEADROOM, DeadLetter, DeadLetters
from bridge.egress import EgressLane
from bridge.egress_mapping import EgressMapping
from bridge.errors import UnmappableError
from bridge.kafka_source import KafkaSource, PartitionOfSource
from bridge.routes import EgressRoute
from bridge.subjects import encode_token
from bridge.target_stream import limits_of_target
from connections.kafka_cluster import KafkaCluster


class Installation(NamedTuple):
    """What all routes of an installation share."""

    name: str
    kafka: KafkaCluster | str
    partitions: int
    session_timeout_s: float = 5.0


class RunningEgress:
    """Carries the partitions that the group of the route gives to this worker."""

    def __init__(self, nc: Client, route: EgressRoute, installation: Installation, letters: DeadLetters) -> None:
        self.route = route
        self._nc = nc
        self._installation = installation
        self._letters = letters
        self._writer = BatchWriter(nc)
        self.source = KafkaSource(
            installation.kafka,
            topic=route.source.topic,
            group=group_of(installation.name, route),
            client_id=f"{installation.name}-{route.name}",
            session_timeout_s=installation.session_timeout_s,
            new_lane=self._lane,
        )

    async def check(self) -> None:
        """Raise StreamMismatchError when the target cannot be the target."""
        await limits_of_target(self._nc, self.route)

    async def start(self) -> None:
        """Begin to carry."""
        await self._writer.start()
        self.source.start()

    async def stop(self) -> None:
        """Finish batches on their way and leave the group."""
        await self.source.stop()
        await self._writer.stop()

    def _lane(self, partition: int, reader: PartitionOfSource) -> EgressLane:
        route, installation = self.route, self._installation

        async def mapping() -> EgressMapping:
            return EgressMapping(route, partition, installation.name, await limits_of_target(self._nc, route))

        return EgressLane(
            name=route.name,
            partition=partition,
            checkpoint=Checkpoint(self._nc, route.target.stream, route.checkpoint, route.source.topic, partition),
            writer=self._writer,
            mapping=mapping,
            reader=reader,
            reject=self._reject,
            bounds=route.bounds,
            fenced_wait_s=2 * installation.session_timeout_s,
        )

    async def _reject(self, record: Any, error: UnmappableError) -> None:
        """Store a record as one letter, or in parts where one message cannot hold it."""
        value = record.value or b""
        room = self._nc.max_payload - HEADROOM
        parts = [value[at : at + room] for at in range(0, len(value), room)] or [b""]
        for number, part in enumerate(parts, start=1):
            place = f"{encode_token(record.topic.encode())}-{record.partition}"
            of = f" (part {number} of {len(parts)})" if len(parts) > 1 else ""
            await self._letters.store(
                DeadLetter(
                    consumer=self.route.name,
                    # The part belongs to the coordinates, so that equal parts are not taken for one letter sent twice.
                    source=place if len(parts) == 1 else f"{place}-part-{number}",
                    sequence=record.offset,
                    subject=record.topic,
                    cause=error.cause,
                    reason=f"{error.reason}{of}",
                    data=part,
                )
            )


def group_of(installation: str, route: EgressRoute) -> str:
    """The consumer group that shares the partitions of a route among the workers."""
    return f"{installation}-egress-{route.name}"
