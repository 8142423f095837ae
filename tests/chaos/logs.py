"""Reads streams and topics from where it stopped the last time to where they end now. Knows no person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from nats.aio.client import Client
from nats.js.api import ConsumerConfig, DeliverPolicy

from bridge.jetstream import api

READ_S = 30.0


class StoredMessage(NamedTuple):
    """A message of a stream."""

    sequence: int
    subject: str
    headers: Mapping[str, str]
    data: bytes


class StreamReader:
    """All messages of a stream, each once, in the order in which they are stored."""

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self._last = 0

    async def read(self, nc: Client) -> list[StoredMessage]:
        """What was stored since the last read; raises TimeoutError when the server stops telling."""
        state = (await api(nc, f"STREAM.INFO.{self.stream}"))["state"]
        # Messages may be deleted from the end, too: what counts is how many are there behind the last read.
        end = int(state["last_seq"])
        found: list[StoredMessage] = []
        if end <= self._last or not state["messages"]:
            self._last = max(self._last, end)
            return found
        subscription = await nc.jetstream().subscribe(
            ">",
            stream=self.stream,
            ordered_consumer=True,
            config=ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=self._last + 1),
        )
        try:
            while self._last < end:
                message = await subscription.next_msg(timeout=READ_S)
                self._last = message.metadata.sequence.stream
                found.append(StoredMessage(self._last, message.subject, message.headers or {}, message.data))
                if message.metadata.num_pending == 0:
                    self._last = max(self._last, end)
        finally:
            await subscription.unsubscribe()
        return found


class TopicReader:
    """All records of some topics, each once, in the order of their partitions."""

    def __init__(self, topics: Mapping[str, int]) -> None:
        self._next = {
            TopicPartition(topic, partition): 0
            for topic, partitions in topics.items()
            for partition in range(partitions)
        }

    async def read(self, bootstrap: str) -> Sequence[Any]:
        """What was written since the last read, as consumer records; raises TimeoutError when the broker stops telling."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            metadata_max_age_ms=5000,
        )
        await consumer.start()
        try:
            ends = await consumer.end_offsets(list(self._next))
            wanted = {tp for tp, offset in self._next.items() if offset < ends[tp]}
            if wanted:
                # Once only: aiokafka 0.14 never ends a consumer that is stopped right after its assignment has changed.
                consumer.assign(list(wanted))
            for tp in wanted:
                consumer.seek(tp, self._next[tp])
            records: list[Any] = []
            while wanted:
                fetched = await consumer.getmany(timeout_ms=int(READ_S * 1000))
                for tp, some in fetched.items():
                    records.extend(some)
                    self._next[tp] = some[-1].offset + 1
                # The last records of a compacted or transactional log may be none that a reader sees.
                for tp in list(wanted):
                    self._next[tp] = max(self._next[tp], await consumer.position(tp))
                    if self._next[tp] >= ends[tp]:
                        wanted.discard(tp)
                if not fetched and wanted:
                    raise TimeoutError(f"{sorted(wanted)} cannot be read to its end")
            return records
        finally:
            await consumer.stop()
