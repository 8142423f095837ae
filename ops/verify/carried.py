"""Checks that a topic partition of Kafka holds every message of its part of a stream: no hole, the bytes of JetStream, in order."""

from __future__ import annotations

import asyncio
import time
from array import array
from bisect import bisect_left
from collections.abc import Sequence

from nats.aio.client import Client

from bridge import headers
from bridge.jetstream import api
from connections.kafka_cluster import KafkaCluster
from ops.verify.findings import Finding, Tally
from ops.verify.pace import Pace
from ops.verify.reading import Stored
from ops.verify.topic_reading import PartitionReader

CHECK = "ingress"
SHOWN = 20
PATIENCE_S = 30.0
"""How long ingress may take to acknowledge what was in the stream when the check began."""


class Carriage:
    """What a part of a stream holds: 16 bytes a message. Told by and by, in the order of the stream."""

    def __init__(self) -> None:
        self._sequences = array("Q")
        self._digests = array("Q")

    def __len__(self) -> int:
        return len(self._sequences)

    def tell(self, stored: Sequence[Stored]) -> None:
        """Note messages."""
        self._sequences.extend(one.stream_sequence for one in stored)
        self._digests.extend(_digest(one.data) for one in stored)

    def holds(self, stream_sequence: int) -> bool:
        """Whether a message was told under a sequence."""
        return self._index(stream_sequence) is not None

    @property
    def last(self) -> int:
        """The last stream sequence that was told."""
        return self._sequences[-1] if self._sequences else 0

    async def compare(
        self, kafka: KafkaCluster | str, stream: str, topic: str, partition: int, tally: Tally, pace: Pace
    ) -> None:
        """Compare with a topic partition, which ingress has filled up to what was told."""
        seen = bytearray(len(self._sequences))
        wrong: list[Finding] = []
        reached = 0
        async with PartitionReader(kafka, topic, partition) as reader:
            async for records in reader.records():
                await pace.take(len(records))
                tally.records += len(records)
                for record in records:
                    carried = dict(record.headers)
                    if carried.get(headers.STREAM) != stream.encode():
                        continue
                    sequence = int(carried.get(headers.SEQUENCE, b"0"))
                    index = self._index(sequence)
                    if index is None:
                        if sequence <= self.last:
                            wrong.append(
                                self._wrong(partition, topic, sequence, "carries what the stream does not hold")
                            )
                        continue
                    if not seen[index] and sequence < reached:
                        wrong.append(self._wrong(partition, topic, sequence, f"came first behind {reached}"))
                    seen[index] = 1
                    reached = max(reached, sequence)
                    if _digest(record.value or b"") != self._digests[index]:
                        wrong.append(self._wrong(partition, topic, sequence, "has other bytes than the stream"))
        if (missing := seen.count(0)) > 0:
            at = [self._sequences[index] for index, there in enumerate(seen) if not there][:SHOWN]
            listed = ", ".join(map(str, at)) + (" …" if missing > len(at) else "")
            wrong.append(self._wrong(partition, topic, at[0], f"lacks {missing} messages: {listed}"))
        tally.add(wrong)

    def _index(self, stream_sequence: int) -> int | None:
        index = bisect_left(self._sequences, stream_sequence)
        there = index < len(self._sequences) and self._sequences[index] == stream_sequence
        return index if there else None

    @staticmethod
    def _wrong(partition: int, topic: str, sequence: int, what: str) -> Finding:
        return Finding(CHECK, partition, topic, str(sequence), "record", what)


async def acknowledged(nc: Client, stream: str, consumer: str, partition: int, last: int) -> list[Finding]:
    """Wait until ingress has acknowledged a stream sequence; a finding when it does not."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        info = await api(nc, f"CONSUMER.INFO.{stream}.{consumer}")
        floor = int(info["ack_floor"]["stream_seq"])
        if floor >= last or not (info["num_pending"] or info["num_ack_pending"]):
            return []
        if time.monotonic() > deadline:
            waiting = int(info["num_pending"]) + int(info["num_ack_pending"])
            what = f"{waiting} messages behind {floor} are not acknowledged for {PATIENCE_S:g} s"
            return [Finding(CHECK, partition, stream, consumer, "acknowledgement", what)]
        await asyncio.sleep(0.2)


def _digest(data: bytes) -> int:
    # Within a process Python's own hash tells two byte strings apart as well as any, and costs next to nothing.
    return hash(data) & 0xFFFFFFFFFFFFFFFF
