"""Brings the event of a neighbour that became a dead letter to its translator again, as it was stored or as an operator has edited it.

Guarantee: the event is translated in a cycle of the lane of its person, so events that are routed together stay in one order; its commands
have the ids that they had before, so what was done once has no second effect."""

from __future__ import annotations

import asyncio
import base64

from nats.aio.client import Client

from agents.redrive import NotDoneError, Repeat
from agents.translating import Fault, TranslateAgain, begin_again
from bridge import headers
from bridge.jetstream import NO_MESSAGE, STREAM_NOT_FOUND, JetStreamError, api
from bridge.stored_letters import StoredLetter
from bridge.stored_time import nanoseconds
from domain.translate.catalogue import routing_key
from domain.undecodable import Undecodable
from lanes.agent import Batch
from lanes.record import Record

NOT_OF_A_NEIGHBOUR = Fault("undecodable", "subject: that of no neighbour, the bridge did not write this")


class ForeignRedriver:
    """Redrives for the partitions of one worker."""

    def __init__(self, nc: Client, repeat: Repeat) -> None:
        self._nc = nc
        self._repeat = repeat

    async def redrive(self, partition: int, letter: StoredLetter, copy: bytes | None) -> Fault | None:
        """Translate the event of a letter; returns why it failed again, None when it is done. Raises NotDoneError when the lane stopped."""
        data = await original(self._nc, letter) if copy is None else copy
        try:
            key = routing_key(data, subject=letter.source_subject)
        except Undecodable as error:
            return Fault(error.cause, error.reason)
        again = TranslateAgain()
        record = await self._record(letter, key, data)

        def prepare(batch: Batch) -> None:
            begin_again(batch, again)

        try:
            await self._repeat(partition, [record], prepare)
        except LookupError:
            raise NotDoneError("the partition is on its way to another worker; ask again") from None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise NotDoneError("the lane stopped before it was done; ask again") from None
        return again.fault if again.done else NOT_OF_A_NEIGHBOUR

    async def _record(self, letter: StoredLetter, key: str, data: bytes) -> Record:
        # The time is part of the commands: with another one they would be other commands under the same ids.
        stored_ns = await stored_time(self._nc, letter)
        carried = {
            headers.STREAM: letter.source.encode(),
            headers.SUBJECT: letter.source_subject.encode(),
            headers.SEQUENCE: letter.sequence.encode(),
            headers.STORED: b"%d" % stored_ns,
        }
        return Record(-1, key.encode(), data, carried, stored_ns // 1_000_000)


async def original(nc: Client, letter: StoredLetter) -> bytes:
    """The bytes of a letter, from its source where the letter could not hold them. Raises NotDoneError when they are gone."""
    if letter.whole:
        return letter.data
    message = await _source_message(nc, letter)
    if message is None:
        raise NotDoneError(
            f"stream {letter.source} no longer holds sequence {letter.sequence}, and the letter has not its bytes"
        )
    return base64.b64decode(message.get("data", ""))


async def stored_time(nc: Client, letter: StoredLetter) -> int:
    """When the message was stored first, in nanoseconds since the epoch; the time of the letter when its stream has it no longer."""
    message = await _source_message(nc, letter)
    return int(letter.stored_at.timestamp() * 1e9) if message is None else nanoseconds(message["time"])


async def _source_message(nc: Client, letter: StoredLetter) -> dict[str, str] | None:
    if not letter.sequence.isdigit():
        return None
    try:
        answer = await api(nc, f"STREAM.MSG.GET.{letter.source}", {"seq": int(letter.sequence)})
    except JetStreamError as error:
        if error.code in (NO_MESSAGE, STREAM_NOT_FOUND):
            return None
        raise
    message: dict[str, str] = answer["message"]
    # A stream that was made anew counts from one again.
    return message if message["subject"] == letter.source_subject else None
