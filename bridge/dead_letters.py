"""Writes messages that cannot be handled to the dead-letter stream: original bytes, coordinates, cause and reason.

Guarantee: `store` returns after the stream has acknowledged; as long as a letter is kept, the same message of the same consumer and
cause is not stored a second time. Header texts hold codes, coordinates and field names only."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from nats.aio.client import Client

from bridge.errors import BridgeError
from bridge.subjects import encode_token

STORED_BEFORE = frozenset({10071, 10164})
"""Error codes of a subject that should be new and is not."""

HEADROOM = 4096
"""Bytes of a letter that its headers may take."""

AT_ONCE = 100
"""Letters that wait for their acknowledgement together."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that could not be handled by `consumer`. `source` is the stream, `sequence` its place there."""

    consumer: str
    source: str
    sequence: int
    subject: str
    cause: str
    reason: str
    data: bytes
    attempts: int = 1


class DeadLetters:
    """The dead-letter stream `person.dlq.>` of one installation."""

    def __init__(self, nc: Client, prefix: str) -> None:
        self._nc = nc
        self._prefix = prefix
        self.stored: Counter[tuple[str, str]] = Counter()
        """Letters stored by this process, by consumer and cause."""

    async def store(self, letter: DeadLetter) -> None:
        """Store one letter under `<prefix>.<consumer>.<cause>.<source>.<sequence>-<digest>`.

        One that is there already is left as it is. The data of a letter that the server would not take is left out; its source has it.
        Raises BridgeError when the stream refuses the letter.
        """
        digest = hashlib.sha256(letter.data).hexdigest()[:16]
        whole = len(letter.data) <= self._nc.max_payload - HEADROOM
        headers = {
            # The subject names the message, so the stream itself knows whether it has the letter, however long ago that was.
            "Nats-Expected-Last-Subject-Sequence": "0",
            "Dead-Letter-Consumer": letter.consumer,
            "Dead-Letter-Cause": letter.cause,
            "Dead-Letter-Reason": letter.reason,
            "Dead-Letter-Source": letter.source,
            "Dead-Letter-Sequence": str(letter.sequence),
            "Dead-Letter-Subject": letter.subject,
            "Dead-Letter-Attempts": str(letter.attempts),
            "Dead-Letter-Data": "whole" if whole else "omitted",
        }
        tokens = (letter.consumer, letter.cause, letter.source, f"{letter.sequence}-{digest}")
        subject = ".".join((self._prefix, *(encode_token(token.encode()) for token in tokens)))
        reply = await self._nc.request(subject, letter.data if whole else b"", headers=headers, timeout=5)
        answer = json.loads(reply.data)
        if "error" in answer:
            if answer["error"].get("err_code") in STORED_BEFORE:
                return
            raise BridgeError(f"the dead-letter stream refused a message: {answer['error'].get('description')}")
        self.stored[letter.consumer, letter.cause] += 1

    async def store_all(self, letters: Iterable[DeadLetter]) -> None:
        """Store letters in their order, many on their way at once; raises like `store`."""
        remaining = list(letters)
        while remaining:
            batch, remaining = remaining[:AT_ONCE], remaining[AT_ONCE:]
            await asyncio.gather(*(self.store(letter) for letter in batch))
