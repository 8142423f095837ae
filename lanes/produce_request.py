"""The produce request of the fenced producer, put together and taken apart in one pass each.

Reason: aiokafka describes requests by schemas and walks over them with an object per field. At a handful of records a request that is as much work
as writing the records. Pinned by a test that compares the bytes with those of aiokafka 0.14."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from struct import Struct as Packed
from typing import Any, NamedTuple

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.produce import ProduceRequest_v7, ProduceResponse_v7

ALL_IN_SYNC_REPLICAS = -1

_HEAD = Packed(">hhii")
"""No transactional id, acknowledgements, time-out, number of topics."""
_LENGTH = Packed(">h")
_COUNT = Packed(">i")
_BATCH = Packed(">ii")
"""A partition and the length of its record batch."""
_ANSWER = Packed(">ihqqq")
"""Partition, error code, offset of the first record, time, first offset of the log."""
_NONE = -1


class ProducedBatch(NamedTuple):
    """One record batch for one topic partition."""

    topic: str
    partition: int
    data: bytes


class Produced(NamedTuple):
    """What the broker says of one topic partition: an error code, 0 for none, and the offset of the first record.

    `time_ms` is when it appended them, in milliseconds since the epoch; -1 for topics whose records keep a time of their own.
    """

    topic: str
    partition: int
    code: int
    offset: int
    time_ms: int = -1


class ProduceResponse(Response):
    """The answer, as one list."""

    API_KEY = ProduceResponse_v7.API_KEY
    API_VERSION = ProduceResponse_v7.API_VERSION
    SCHEMA = ProduceResponse_v7.SCHEMA

    def __init__(self, produced: Sequence[Produced]) -> None:
        self.produced = produced

    @classmethod
    def decode(cls, data: Any) -> ProduceResponse:
        """The answer behind its header."""
        return cls(list(_produced(data.read() if isinstance(data, BytesIO) else data)))


class EncodedProduceRequest(RequestStruct):
    """The request in version 7, which all brokers since Kafka 2.1 understand."""

    API_KEY = ProduceRequest_v7.API_KEY
    API_VERSION = ProduceRequest_v7.API_VERSION
    RESPONSE_TYPE = ProduceResponse
    SCHEMA = ProduceRequest_v7.SCHEMA

    def __init__(self, batches: Sequence[ProducedBatch], timeout_ms: int) -> None:
        self._batches = batches
        self._timeout_ms = timeout_ms

    def encode(self) -> bytes:
        """The bytes behind the header of a request."""
        by_topic: dict[str, list[bytes]] = {}
        for topic, partition, data in self._batches:
            by_topic.setdefault(topic, []).extend((_BATCH.pack(partition, len(data)), data))
        parts = [_HEAD.pack(_NONE, ALL_IN_SYNC_REPLICAS, self._timeout_ms, len(by_topic))]
        for topic, of_topic in by_topic.items():
            name = topic.encode()
            parts += (_LENGTH.pack(len(name)), name, _COUNT.pack(len(of_topic) // 2), *of_topic)
        return b"".join(parts)


class ProduceRequest(Request[EncodedProduceRequest]):
    """Record batches for partitions of one broker, to be acknowledged by all in-sync replicas."""

    API_KEY = EncodedProduceRequest.API_KEY

    def __init__(self, batches: Iterable[ProducedBatch], timeout_ms: int) -> None:
        self._request = EncodedProduceRequest(list(batches), timeout_ms)

    def build(self, _: type[EncodedProduceRequest]) -> EncodedProduceRequest:
        """The one version that there is."""
        return self._request


def _produced(answer: bytes) -> Iterator[Produced]:
    (topics,) = _COUNT.unpack_from(answer)
    at = _COUNT.size
    for _ in range(topics):
        (length,) = _LENGTH.unpack_from(answer, at)
        at += _LENGTH.size
        topic = answer[at : at + length].decode()
        at += length
        (partitions,) = _COUNT.unpack_from(answer, at)
        at += _COUNT.size
        for _ in range(partitions):
            partition, code, offset, time_ms, _ = _ANSWER.unpack_from(answer, at)
            at += _ANSWER.size
            yield Produced(topic, partition, code, offset, time_ms)
