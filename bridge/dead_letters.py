"""Writes messages that cannot be handled to the dead-letter stream: original bytes, coordinates, cause and reason.

Guarantee: `store` returns after the stream has acknowledged; the same message of the same consumer is stored once within the
stream's duplicate window. Header texts hold codes, coordinates and field names only."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from nats.aio.client import Client

from bridge.errors import BridgeError


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
        self.stored = 0

    async def store(self, letter: DeadLetter) -> None:
        """Store one letter under `<prefix>.<consumer>.<cause>`; raises BridgeError when the stream refuses it."""
        digest = hashlib.sha256(letter.data).hexdigest()[:16]
        headers = {
            "Nats-Msg-Id": f"{letter.consumer}:{letter.source}:{letter.sequence}:{digest}",
            "Dead-Letter-Consumer": letter.consumer,
            "Dead-Letter-Cause": letter.cause,
            "Dead-Letter-Reason": letter.reason,
            "Dead-Letter-Source": letter.source,
            "Dead-Letter-Sequence": str(letter.sequence),
            "Dead-Letter-Subject": letter.subject,
            "Dead-Letter-Attempts": str(letter.attempts),
        }
        subject = f"{self._prefix}.{letter.consumer}.{letter.cause}"
        reply = await self._nc.request(subject, letter.data, headers=headers, timeout=5)
        answer = json.loads(reply.data)
        if "error" in answer:
            raise BridgeError(f"the dead-letter stream refused a message: {answer['error'].get('description')}")
        self.stored += 1
