"""One atomic JetStream batch, written to the connection as a whole and answered once.

Guarantee: all messages of a batch are stored in order without others between them, or none is; the answer comes after the server has
synced. Protocol: NATS ADR-50."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import Sequence
from typing import Any, NamedTuple

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import BadSubjectError, MaxPayloadError, NoRespondersError, OutboundBufferLimitError

from bridge.errors import AppendRefusedError, BridgeError

LOST_RACE = frozenset({10070, 10071, 10164, 10201})
"""Error codes that say that the stream moved: wrong last id or sequence of a subject, and a message id that is stored already."""


_WRITER = "_person_batch_writer"
_SUBJECT = re.compile(rb"[^\s\x00]{1,3000}")


class Outgoing(NamedTuple):
    """A message ready for a batch; `headers` are lines with their line ends."""

    subject: bytes
    headers: bytes
    data: bytes


class SentBatch(NamedTuple):
    """A batch on its way: its token and the answers to its first and its last message."""

    token: str
    answer: asyncio.Future[Msg]


class BatchWriter:
    """Writes batches of one connection. Messages are given as bytes, so that they can be prepared while another batch is on its way."""

    def __init__(self, nc: Client) -> None:
        self._nc = nc
        self._inbox = ""
        self._subscription: Subscription | None = None
        self._starting = asyncio.Lock()
        self._waiting: dict[str, asyncio.Future[Msg]] = {}

    async def start(self) -> None:
        """Listen for answers; sending does it, too."""
        async with self._starting:
            if self._subscription is None:
                self._inbox = self._nc.new_inbox()
                self._subscription = await self._nc.subscribe(f"{self._inbox}.*", cb=self._answered)

    async def stop(self) -> None:
        """Listen no more; batches on their way stay unanswered."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None and not self._nc.is_closed:
            await subscription.unsubscribe()
        for waiting in self._waiting.values():
            waiting.cancel()
        self._waiting.clear()

    async def send(self, messages: Sequence[Outgoing]) -> SentBatch:
        """Write a batch to the connection.

        Raises OutboundBufferLimitError at once while it is down: nothing lands later then. Raises BadSubjectError and MaxPayloadError for
        what would end the connection.
        """
        if not self._nc.is_connected:
            raise OutboundBufferLimitError
        if self._subscription is None:
            await self.start()
        token = uuid.uuid4().hex
        prefix = f"Nats-Batch-Id: {token}\r\nNats-Batch-Sequence: "
        reply = f"{self._inbox}.{token}".encode()
        last = len(messages)
        lines: list[bytes] = []
        for number, (subject, headers, data) in enumerate(messages, start=1):
            end = f"{prefix}{number}\r\nNats-Batch-Commit: 1\r\n\r\n" if number == last else f"{prefix}{number}\r\n\r\n"
            size = len(headers) + len(end) + 10
            if not _SUBJECT.fullmatch(subject):
                raise BadSubjectError
            if size + len(data) > self._nc.max_payload:
                raise MaxPayloadError
            # The first message is answered, too, so that the reason is known when the server opens no batch.
            to = reply if number in (1, last) else b""
            lines.append(b"HPUB %b %b %d %d\r\nNATS/1.0\r\n%b" % (subject, to, size, size + len(data), headers))
            lines.append(end.encode())
            lines.append(data)
            lines.append(b"\r\n")
        future: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()
        self._waiting[token] = future
        # One write instead of one for each message: nats-py would await its flusher every time.
        await self._nc._send_command(b"".join(lines))
        await self._nc._flush_pending()
        return SentBatch(token, future)

    async def stored(self, sent: SentBatch, *, timeout_s: float) -> int:
        """The stream sequence of the last message once all are stored.

        Raises AppendRefusedError when an expectation was wrong and BridgeError when the server could not store: nothing is stored then.
        Raises TimeoutError or NoRespondersError when the answer is unknown: the batch may be stored, the caller must look.
        """
        answer = await self.answer(sent, timeout_s=timeout_s)
        if "error" in answer:
            raise failure_of(answer, "a batch")
        return int(answer["seq"])

    async def answer(self, sent: SentBatch, *, timeout_s: float) -> dict[str, Any]:
        """The server's answer to a batch, an error among them; raises TimeoutError or NoRespondersError when there is none."""
        try:
            message = await asyncio.wait_for(sent.answer, timeout_s)
        finally:
            self._waiting.pop(sent.token, None)
        if (message.headers or {}).get("Status") == "503":
            raise NoRespondersError
        answer: dict[str, Any] = json.loads(message.data)
        return answer

    async def _answered(self, message: Msg) -> None:
        # The answer to the first message is empty when the batch is open.
        if not message.data and not message.headers:
            return
        waiting = self._waiting.get(message.subject.rpartition(".")[2])
        if waiting is not None and not waiting.done():
            waiting.set_result(message)


def failure_of(answer: dict[str, Any], what: str) -> AppendRefusedError | BridgeError:
    """What an answer with an error means: the stream moved, or the server could not store."""
    code, description = error_code(answer), str(answer["error"].get("description", ""))
    if code in LOST_RACE:
        return AppendRefusedError(code, description)
    return BridgeError(f"JetStream could not store {what}: {description} ({code})")


def error_code(answer: dict[str, Any]) -> int:
    """JetStream's own code of the error in an answer, 0 without one."""
    return int(answer["error"].get("err_code", 0)) if "error" in answer else 0


def share_writer(nc: Client, writer: BatchWriter) -> None:
    """Let all appends of a connection go through a writer; before the first of them."""
    setattr(nc, _WRITER, writer)


def writer_of(nc: Client) -> BatchWriter:
    """The writer that all appends of a connection share."""
    writer: BatchWriter | None = getattr(nc, _WRITER, None)
    if writer is None:
        writer = BatchWriter(nc)
        share_writer(nc, writer)
    return writer
