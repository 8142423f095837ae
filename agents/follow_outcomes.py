"""Carries the outcomes that the serving generation records to the generations that stand by, so that any of them can take over.

Guarantee: every outcome that is in the other generation's changelog reaches the command lane of its partition here at least once, in
order; how far that has got is kept in JetStream and moves only behind what Kafka has acknowledged."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Iterable, Sequence
from contextlib import suppress

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from nats.aio.client import Client
from nats.errors import Error as NatsError

from agents.adopt_outcomes import ADOPTED
from agents.publishing import publish
from bridge import read
from bridge.errors import BridgeError
from bridge.ingress import KafkaRecord, KafkaWriter
from bridge.subjects import encode_token
from config.streams import POSITIONS
from config.topics import COMMANDS, topic_of
from connections.kafka_cluster import KafkaCluster, kafka_options
from domain.partitions import partition_of
from lanes.failure import stack_of
from lanes.runtime import LaneStoppedError

logger = logging.getLogger(__name__)

AGAIN_S = 1.0
FETCH_MS = 200
AT_ONCE = 500
"""Rows that are written together: as many as a cycle of commands takes well."""


class FollowedOutcomes:
    """Follows one generation into another. Partition p of the source is followed by the owner of partition p modulo ours."""

    def __init__(
        self,
        nc: Client,
        kafka: KafkaCluster | str,
        *,
        source: str,
        source_partitions: int,
        generation: str,
        partitions: int,
        write: KafkaWriter,
    ) -> None:
        self._nc = nc
        self._kafka = kafka
        self._source = source
        self._source_partitions = source_partitions
        self._partitions = partitions
        self._topic = topic_of(COMMANDS, generation)
        self._generation = generation
        self._write = write
        self._task: asyncio.Task[None] | None = None

    def start(self, owned: Iterable[int]) -> None:
        """Begin to follow what belongs to the owned partitions."""
        owned = frozenset(owned)
        followed = [one for one in range(self._source_partitions) if one % self._partitions in owned]
        if followed:
            self._task = asyncio.get_running_loop().create_task(self._run(followed), name="followed outcomes")

    async def stop(self) -> None:
        """Follow no more; what is not noted as followed comes again, which changes nothing."""
        while self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=0.5)

    async def _run(self, followed: Sequence[int]) -> None:
        while True:
            try:
                await self._follow(followed)
            except (BridgeError, KafkaError, LaneStoppedError, NatsError, TimeoutError, OSError) as error:
                logger.warning("outcomes of %s are followed again in %g s: %s", self._source, AGAIN_S, error)
            except Exception as error:
                logger.error("outcomes of %s are followed again in %g s: %s", self._source, AGAIN_S, stack_of(error))
            await asyncio.sleep(AGAIN_S)

    async def _follow(self, followed: Sequence[int]) -> None:
        topic = outcomes_changelog(self._source)
        reader = AIOKafkaConsumer(
            **kafka_options(self._kafka),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_records=AT_ONCE,
        )
        await reader.start()
        try:
            partitions = [TopicPartition(topic, one) for one in followed]
            reader.assign(partitions)
            for one in partitions:
                reader.seek(one, await followed_up_to(self._nc, self._generation, self._source, one.partition))
            while True:
                fetched = await reader.getmany(timeout_ms=FETCH_MS)
                for tp, records in fetched.items():
                    await self._carry(tp.partition, records)
                    place = str(await reader.position(tp)).encode()
                    await publish(self._nc, place_subject(self._generation, self._source, tp.partition), place, {})
        finally:
            with suppress(KafkaError, OSError):
                await reader.stop()

    async def _carry(self, source_partition: int, records: Sequence[object]) -> None:
        by_partition: dict[int, list[KafkaRecord]] = {}
        for record in records:
            key: bytes = record.key  # type: ignore[attr-defined]
            value: bytes | None = record.value  # type: ignore[attr-defined]
            if not value or key.startswith(b"__"):
                # What was removed for its age is removed here by age, too.
                continue
            for partition in self._belongs_to(source_partition, value):
                carried = KafkaRecord(key, value, record.timestamp, [(ADOPTED, b"1")])  # type: ignore[attr-defined]
                by_partition.setdefault(partition, []).append(carried)
        if by_partition:
            await self._write(self._topic, by_partition)

    def _belongs_to(self, source_partition: int, row: bytes) -> Iterable[int]:
        """The partition of a command's person or policy; every one that it may be where the outcome does not name it."""
        if self._partitions == self._source_partitions:
            return (source_partition,)
        outcome = orjson.loads(row)["outcome"]
        key = outcome.get("person_id") or outcome.get("target")
        if key is not None:
            return (partition_of(key, self._partitions),)
        step = math.gcd(self._partitions, self._source_partitions)
        return range(source_partition % step, self._partitions, step)


def outcomes_changelog(app_id: str) -> str:
    """The changelog of a generation's outcomes."""
    return f"{app_id}-outcomes-changelog"


def place_subject(generation: str, source: str, partition: int | str) -> str:
    """Where it is kept how far a generation has followed a partition of another's changelog; `*` for all partitions."""
    of = encode_token(f"outcomes-{source}-to-{generation or 'first'}".encode())
    return f"person.positions.{of}.{partition}"


async def followed_up_to(nc: Client, generation: str, source: str, partition: int) -> int:
    """The offset up to which a generation has followed; 0 before it began. Raises errors of the server."""
    message = await read.last_message(nc, POSITIONS, place_subject(generation, source, partition))
    return 0 if message is None else int(message.data)
