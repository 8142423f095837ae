"""How records come to the lanes of this worker: those that the bridge carries, and those that a lane is given once more."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agents.redrive import Repeat
from bridge.ingress import KafkaRecord
from lanes.agent import Batch
from lanes.producer import DurableProducer, OutgoingBatch, OutgoingRecord
from lanes.record import Record
from lanes.runtime import Lanes


class LaneRecords:
    """Writes to topics of lanes and to others, and repeats in the lanes that run here."""

    def __init__(self, lanes: Lanes, writer: DurableProducer) -> None:
        self._lanes = lanes
        self._writer = writer

    async def write(self, topic: str, by_partition: dict[int, list[KafkaRecord]]) -> None:
        """Write what the bridge carries; a lane of this worker takes it without a fetch."""
        if not self._lanes.runs(topic):
            await self._writer.write(
                OutgoingBatch(topic, partition, [OutgoingRecord(*record) for record in records])
                for partition, records in by_partition.items()
            )
            return
        await self._lanes.write(
            topic,
            {
                partition: [
                    Record(-1, one.key or b"", one.value or b"", dict(one.headers), one.timestamp_ms) for one in records
                ]
                for partition, records in by_partition.items()
            },
        )

    def repeat_on(self, topic: str) -> Repeat:
        """What brings records to the lanes of a topic again."""

        async def repeat(partition: int, records: Sequence[Record], prepare: Callable[[Batch], None]) -> Batch:
            lane = self._lanes.lane(topic, partition)
            if lane is None:
                raise LookupError(f"no lane for partition {partition}")
            return await lane.repeat(records, prepare)

        return repeat
