"""The acts of operators on dead letters, kept in the dead-letter stream: who did what to which letter, when and why.

Guarantee: `record` returns after the stream has acknowledged. An edited copy is kept beside its letter, which stays as it was stored. Of
two acts on a letter that rest on the same state the second is refused."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from nats.aio.client import Client

from bridge.batch import failure_of
from bridge.errors import BridgeError
from bridge.read import last_message
from bridge.stored_letters import StoredLetter, next_letter
from bridge.subjects import encode_token

ACTS: Final = "acts"
"""Stands in the subject where a letter names its consumer."""
EDITED: Final = "edited"
REDRIVEN: Final = "redriven"
DISCARDED: Final = "discarded"
FAILED: Final = "redrive_failed"
CLOSING: Final = frozenset({REDRIVEN, DISCARDED})
"""Acts behind which a letter is open no longer."""


class Place(NamedTuple):
    """What an act is about: who could not handle which message of which source. For a saga the source is `saga`."""

    consumer: str
    source: str
    sequence: str


class Act(NamedTuple):
    """What somebody did. `result` says in codes and numbers what came of it; `copy` holds the bytes of an edited copy."""

    name: str
    place: Place
    by: str
    why: str
    letter: str
    result: Mapping[str, Any] = {}
    copy: bytes | None = None
    at: datetime | None = None
    number: int = 0
    """Its own sequence in the dead-letter stream, 0 before it is stored."""

    @property
    def digest(self) -> str | None:
        """The first bytes of the SHA-256 of the copy, in hexadecimal."""
        return None if self.copy is None else digest_of(self.copy)


def digest_of(data: bytes) -> str:
    """Names bytes without showing them."""
    return hashlib.sha256(data).hexdigest()[:16]


class LetterActs:
    """The acts of one installation under `<prefix>.acts.<act>.<source>.<sequence>`."""

    def __init__(self, nc: Client, stream: str, prefix: str) -> None:
        self._nc = nc
        self._stream = stream
        self._prefix = prefix

    def subject(self, name: str, place: Place) -> str:
        """The subject of an act; `*` for the acts of any name."""
        token = name if name == "*" else encode_token(name.encode())
        source, sequence = encode_token(place.source.encode()), encode_token(place.sequence.encode())
        return f"{self._prefix}.{ACTS}.{token}.{source}.{sequence}"

    async def last_number(self, place: Place) -> int:
        """The number of the newest act on a message, whoever it was a letter of; 0 before the first."""
        newest = await last_message(self._nc, self._stream, self.subject("*", place))
        return 0 if newest is None else newest.stream_sequence

    async def of(self, place: Place) -> AsyncIterator[Act]:
        """The acts on a message, oldest first, whoever could not handle it."""
        after = 0
        newest = await self.last_number(place)
        while after < newest:
            stored = await next_letter(self._nc, self._stream, self.subject("*", place), after)
            if stored is None:
                return
            after = stored.number
            yield act_in(stored)

    async def record(self, act: Act, *, expected: int | None = None) -> int:
        """Store an act; returns its number. With `expected` only if that was the newest one on its message.

        Raises AppendRefusedError when somebody else was quicker, BridgeError when the stream refuses it.
        """
        body: dict[str, Any] = {
            "act": act.name,
            "consumer": act.place.consumer,
            "source": act.place.source,
            "sequence": act.place.sequence,
            "letter": act.letter,
            "by": act.by,
            "why": act.why,
            "result": dict(act.result),
        }
        if act.copy is not None:
            body["copy"] = base64.b64encode(act.copy).decode()
        headers = {"Dead-Letter-Consumer": act.place.consumer, "Dead-Letter-Act": act.name}
        if expected is not None:
            headers["Nats-Expected-Last-Subject-Sequence"] = str(expected)
            headers["Nats-Expected-Last-Subject-Sequence-Subject"] = self.subject("*", act.place)
        data = json.dumps(body, separators=(",", ":")).encode()
        if len(data) > self._nc.max_payload - 4096:
            raise BridgeError("the copy is larger than one message may be")
        reply = await self._nc.request(self.subject(act.name, act.place), data, headers=headers, timeout=5)
        answer = json.loads(reply.data)
        if "error" in answer:
            raise failure_of(answer, "an act")
        return int(answer["seq"])


def is_act(letter: StoredLetter, prefix: str) -> bool:
    """Whether a message of the dead-letter stream tells of an act."""
    return letter.subject.startswith(f"{prefix}.{ACTS}.")


def act_in(stored: StoredLetter) -> Act:
    """The act that a message tells of; it was read with its bytes."""
    body = json.loads(stored.data)
    copy = body.get("copy")
    return Act(
        body["act"],
        Place(body["consumer"], body["source"], body["sequence"]),
        body["by"],
        body["why"],
        body["letter"],
        body["result"],
        None if copy is None else base64.b64decode(copy),
        stored.stored_at.astimezone(UTC),
        stored.number,
    )
