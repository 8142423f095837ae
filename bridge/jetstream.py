"""Raw JetStream: API calls with typed errors, and an ordered pull that delivers every message of a consumer without a hole.

Guarantee of `OrderedPull`: messages come in stream order from the acknowledged floor on; a lost delivery, a reconnect or a
competing reader leads to a reset of the consumer, never to a skip. Protocol: NATS ADR-13 (pull), ADR-15 (acks)."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from contextlib import suppress
from typing import Any, NamedTuple

from nats.aio.client import Client
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from bridge.errors import BridgeError
from bridge.raw_delivery import forget_raw, parse_headers, subscribe_raw

logger = logging.getLogger(__name__)

PULL_EXPIRES_S = 2.0
PULL_MAX_BYTES = 16 << 20
"""Bytes that one pull may bring; above the largest message of any stream that is carried."""
ENDED_STATUSES = frozenset({"404", "408"})
ENDED_DESCRIPTIONS = frozenset({"batch completed", "message size exceeds maxbytes", "interest expired"})
"""How the server ends a pull in the ordinary way; a new one is sent then. Anything else is an error for the reader."""
CONSUMER_NOT_FOUND = 10014
STREAM_NOT_FOUND = 10059
NO_MESSAGE = 10037


class JetStreamError(BridgeError):
    """An API call was answered with an error; `code` is JetStream's err_code."""

    def __init__(self, subject: str, error: dict[str, Any]) -> None:
        self.code = int(error.get("err_code", 0))
        self.description = str(error.get("description", ""))
        super().__init__(f"{subject}: {self.description} ({self.code})")


async def api(nc: Client, subject: str, body: object = None, *, timeout_s: float = 5.0) -> dict[str, Any]:
    """Call `$JS.API.<subject>`; raises JetStreamError when the server answers with an error, NatsError when it does not answer."""
    payload = b"" if body is None else json.dumps(body).encode()
    reply = await nc.request(f"$JS.API.{subject}", payload, timeout=timeout_s)
    answer: dict[str, Any] = json.loads(reply.data)
    if "error" in answer:
        raise JetStreamError(subject, answer["error"])
    return answer


class Delivery(NamedTuple):
    """One stored message as a consumer delivers it. `stored_ns` is the storage time in nanoseconds since the epoch."""

    subject: str
    data: bytes
    headers: dict[str, str]
    stream_sequence: int
    consumer_sequence: int
    stored_ns: int
    ack_subject: str
    reset: int = 0
    """Which reset of the consumer it followed; consumer sequences begin anew with each."""


class Arrived(NamedTuple):
    """A message as it came."""

    subject: bytes
    reply: bytes
    data: bytes
    headers: bytes | None


def read_delivery(arrived: Arrived, reset: int = 0) -> Delivery:
    """Parse the acknowledgement subject (9 tokens before server 2.11's domain form, 11 or more with it)."""
    reply = arrived.reply.decode()
    tokens = reply.split(".")
    shift = 0 if len(tokens) == 9 else 2
    return Delivery(
        arrived.subject.decode(),
        arrived.data,
        parse_headers(arrived.headers),
        int(tokens[5 + shift]),
        int(tokens[6 + shift]),
        int(tokens[7 + shift]),
        reply,
        reset,
    )


class OrderedPull:
    """Reads one durable pull consumer whose `ack_policy` is `all`."""

    def __init__(self, nc: Client, stream: str, consumer: str, *, batch: int, max_bytes: int = PULL_MAX_BYTES) -> None:
        self.most_held = 0
        self._nc = nc
        self._stream = stream
        self._consumer = consumer
        self._batch = batch
        self._max_bytes = max_bytes
        self._arrived: deque[Arrived] = deque()
        self._wake = asyncio.Event()
        self._subscription: Subscription | None = None
        self._expected = 1
        self._last_stream_sequence = 0
        self._resets = 0
        self._failure: str | None = None
        self._acknowledging = asyncio.Lock()
        self._outstanding = 0
        self._asked_at = 0.0
        self._connection_generation = -1

    async def start(self) -> None:
        """Begin at the acknowledged floor; whatever another reader had in flight is delivered again to this one."""
        await self._detach()
        async with self._acknowledging:
            self._arrived.clear()
            self._resets += 1
            await api(self._nc, f"CONSUMER.RESET.{self._stream}.{self._consumer}")
        self._expected = 1
        self._last_stream_sequence = 0
        self._failure = None
        self._outstanding = 0
        self._connection_generation = self._nc.stats["reconnects"]
        self._subscription = await subscribe_raw(self._nc, self._nc.new_inbox(), self._on_message)
        await self._ask()

    async def stop(self) -> None:
        """Stop receiving; unacknowledged messages stay with the consumer."""
        await self._detach()
        self._wake.set()

    async def next(self, wait_s: float) -> list[Delivery]:
        """Messages that arrived since the last call, waiting up to `wait_s` for the first; empty when none came.

        Raises BridgeError when the server ended the pull for a reason that asking again does not mend, and JetStreamError or NatsError
        when the consumer cannot be reset after a loss.
        """
        if not self._arrived:
            self._wake.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), wait_s)
        if self._nc.stats["reconnects"] != self._connection_generation:
            # Deliveries in flight during the disconnect are lost; order is only kept by starting over.
            await self.start()
            return []
        self.most_held = max(self.most_held, len(self._arrived))
        deliveries: list[Delivery] = []
        while self._arrived:
            delivery = read_delivery(self._arrived.popleft(), self._resets)
            out_of_order = delivery.stream_sequence <= self._last_stream_sequence
            if delivery.consumer_sequence != self._expected or out_of_order:
                logger.warning(
                    "%s/%s: delivery %s came where %s was due; the consumer is reset",
                    self._stream,
                    self._consumer,
                    delivery.consumer_sequence,
                    self._expected,
                )
                # What came in order before the hole is returned; the reset brings the rest again.
                await self.start()
                return deliveries
            self._expected += 1
            self._last_stream_sequence = delivery.stream_sequence
            deliveries.append(delivery)
        if not deliveries and self._failure is not None:
            failure, self._failure = self._failure, None
            raise BridgeError(f"pulling from {self._stream}/{self._consumer} ended: {failure}")
        if self._subscription is not None:
            await self._ask_when_low()
        return deliveries

    async def acknowledge(self, delivery: Delivery) -> None:
        """Acknowledge a message and all before it, and wait until the server has recorded it.

        A delivery from before the last reset is passed over: its consumer sequence would acknowledge other messages now.
        """
        async with self._acknowledging:
            if delivery.reset == self._resets:
                await self._nc.request(delivery.ack_subject, b"+ACK", timeout=5)

    def _on_message(self, subject: bytes, reply: bytes, data: bytes, headers: bytes | None) -> None:
        if reply.startswith(b"$JS.ACK."):
            self._outstanding -= 1
            self._arrived.append(Arrived(subject, reply, data, headers))
        else:
            self._outstanding = 0
            found = parse_headers(headers)
            status, description = found.get("Status", ""), found.get("Description", "")
            if status not in ENDED_STATUSES and description.lower() not in ENDED_DESCRIPTIONS:
                self._failure = f"{status} {description}".strip()
        if not self._wake.is_set():
            self._wake.set()

    async def _ask_when_low(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._outstanding <= self._batch // 3 or now - self._asked_at > PULL_EXPIRES_S * 0.9:
            await self._ask()

    async def _ask(self) -> None:
        assert self._subscription is not None
        self._asked_at = asyncio.get_running_loop().time()
        self._outstanding = self._batch
        request = {"batch": self._batch, "max_bytes": self._max_bytes, "expires": int(PULL_EXPIRES_S * 1e9)}
        await self._nc.publish(
            f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._consumer}",
            json.dumps(request).encode(),
            reply=self._subscription.subject,
        )

    async def _detach(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            forget_raw(self._nc, subscription)
        if subscription is not None and not self._nc.is_closed:
            try:
                await subscription.unsubscribe()
            except NatsError:
                # The connection went away together with the subscription.
                logger.debug("unsubscribing %s failed", self._consumer, exc_info=True)
