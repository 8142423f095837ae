"""Dead letters of routes of the bridge: a redrive carries the message or the record as its route is now."""

from __future__ import annotations

import re
from typing import Any

from aiokafka.errors import KafkaError

from bridge.egress_redrive import EgressRedrive, RecordGoneError, RecordPlace
from bridge.errors import BridgeError, UnmappableError
from bridge.ingress_redrive import IngressRedrive, MessageGoneError
from queries.dead_letters.handling import Message, Redriven, broken_as_told, impossible
from queries.frame import QueryError

_PART = re.compile(r"-part-[0-9]+$")


class IngressLetters:
    """Messages that a route could not bring to Kafka."""

    def __init__(self, redrive: IngressRedrive, topic: str) -> None:
        self._redrive = redrive
        self._topic = topic

    async def check(self, message: Message) -> None:
        """Route it."""
        await self.preview_of(message)

    async def preview(self, message: Message) -> dict[str, Any]:
        """Where it would go."""
        return await self.preview_of(message)

    async def preview_of(self, message: Message) -> dict[str, Any]:
        """Topic and partition; raises QueryError that names field and rule."""
        try:
            found = await self._redrive.destination(_number(message), message.data)
        except UnmappableError as error:
            raise broken_as_told(error.reason) from None
        except MessageGoneError as error:
            raise impossible(str(error)) from None
        return {"becomes": "record", "topic": self._topic, "partition": None if found is None else found.partition}

    async def redrive(self, message: Message) -> Redriven:
        """Write the record."""
        await self.preview_of(message)
        try:
            carried = await self._redrive.redrive(_number(message), message.data)
        except (BridgeError, KafkaError, OSError) as error:
            raise QueryError("unavailable", f"the record was not acknowledged ({type(error).__name__})") from None
        return Redriven(True) if carried else Redriven(False, cause="looped", reason="the loop guard holds it back")


class EgressLetters:
    """Records that a route could not bring to its stream."""

    def __init__(self, redrive: EgressRedrive, stream: str) -> None:
        self._redrive = redrive
        self._stream = stream

    async def check(self, message: Message) -> None:
        """Map it."""
        await self._mapped(message)

    async def preview(self, message: Message) -> dict[str, Any]:
        """What it would become."""
        return await self._mapped(message)

    async def redrive(self, message: Message) -> Redriven:
        """Store the message; only the first redrive of a record does."""
        await self._mapped(message)
        try:
            carried = await self._redrive.redrive(_place(message), _value(message))
        except (BridgeError, OSError) as error:
            raise QueryError("unavailable", f"the message was not stored ({type(error).__name__})") from None
        return Redriven(True, again=not carried)

    async def _mapped(self, message: Message) -> dict[str, Any]:
        try:
            found = await self._redrive.message(_place(message), _value(message))
        except UnmappableError as error:
            raise broken_as_told(error.reason) from None
        except RecordGoneError as error:
            raise impossible(str(error)) from None
        except (KafkaError, OSError) as error:
            raise QueryError("unavailable", f"Kafka did not answer ({type(error).__name__})") from None
        if found is None:
            raise impossible("the loop guard holds the record back")
        # Not the subject: it may hold the key.
        return {"becomes": "message", "stream": self._stream, "bytes": len(found.headers) + len(found.data)}


def _number(message: Message) -> int:
    if not message.place.sequence.isdigit():
        raise impossible("it has no place in a stream")
    return int(message.place.sequence)


def _place(message: Message) -> RecordPlace:
    partition = _PART.sub("", message.place.source).rpartition("-")[2]
    return RecordPlace(int(partition), int(message.place.sequence))


def _value(message: Message) -> bytes | None:
    """The value of an edited copy; without one the record itself is read, which is whole where its letter may be a part."""
    return None if message.copy_act is None and message.data == message.letter.data else message.data
