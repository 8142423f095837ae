"""The position of an egress route in a Kafka partition, kept as one message of the target stream.

Guarantee: there is one position per partition; it moves only by a batch that expects the message before, so whoever claims it makes
every batch of earlier owners fail for ever."""

from __future__ import annotations

import json
from dataclasses import dataclass

from nats.aio.client import Client

from bridge.batch import Outgoing
from bridge.errors import BridgeError
from bridge.read import last_message


@dataclass(frozen=True, slots=True)
class Position:
    """`offset` is the next record to carry; `epoch` counts the owners; `sequence` is the message that holds it, 0 for none."""

    offset: int
    epoch: int
    owner: str
    sequence: int


class Checkpoint:
    """The checkpoint of one partition."""

    def __init__(self, nc: Client, stream: str, prefix: str, topic: str, partition: int) -> None:
        self._nc = nc
        self._stream = stream
        self._topic = topic
        self._partition = partition
        self.subject = f"{prefix}.{partition}"

    async def read(self) -> Position | None:
        """The stored position, read from the stream's leader; None before the first one. Raises BridgeError for any other content."""
        stored = await last_message(self._nc, self._stream, self.subject)
        if stored is None:
            return None
        try:
            body = json.loads(stored.data)
            place = body["topic"], int(body["partition"])
            position = Position(int(body["offset"]), int(body["epoch"]), str(body["owner"]), stored.stream_sequence)
        except (ValueError, KeyError, TypeError) as error:
            raise BridgeError(f"{self.subject} of {self._stream} holds no position of a route") from error
        if place != (self._topic, self._partition):
            raise BridgeError(
                f"{self.subject} of {self._stream} holds the position of {place[0]}[{place[1]}], not of "
                f"{self._topic}[{self._partition}]: give the route another target.checkpoint"
            )
        return position

    def message(self, offset: int, epoch: int, owner: str, *, expected: int) -> Outgoing:
        """The message that moves the position; it replaces the one before and outlives every age limit of the stream."""
        body = {"topic": self._topic, "partition": self._partition, "offset": offset, "epoch": epoch, "owner": owner}
        headers = f"Nats-Expected-Last-Subject-Sequence: {expected}\r\nNats-Rollup: sub\r\nNats-TTL: never\r\n"
        return Outgoing(self.subject.encode(), headers.encode(), json.dumps(body, separators=(",", ":")).encode())
