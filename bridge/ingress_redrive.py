"""Carries one stored message into Kafka again, after its route had to pass over it.

Guarantee: at least once, as all ingress: the record carries the same coordinates, by which readers see that it came before. It comes
behind the messages that the route has carried since."""

from __future__ import annotations

import base64
from typing import Any

from nats.aio.client import Client

from bridge.errors import BridgeError, UnmappableError
from bridge.header_mapping import IngressHeaders
from bridge.ingress import Destination, KafkaRecord, KafkaWriter, Router
from bridge.jetstream import NO_MESSAGE, Delivery, JetStreamError, api
from bridge.raw_delivery import parse_headers
from bridge.routes import IngressRoute
from bridge.stored_time import nanoseconds


class MessageGoneError(BridgeError):
    """The stream holds the message no longer, and the letter has not all of it."""


class IngressRedrive:
    """Redrives of one route."""

    def __init__(
        self, nc: Client, route: IngressRoute, installation: str, *, write: KafkaWriter, router: Router
    ) -> None:
        self._nc = nc
        self._route = route
        self._write = write
        self._router = router
        self._headers = IngressHeaders(route, installation)

    @property
    def topic(self) -> str:
        """The target of the route."""
        return self._route.target.topic

    async def destination(self, stream_sequence: int, data: bytes | None = None) -> Destination | None:
        """Where the message goes by the route as it is now, with another body if one is given; None where it is not to be carried.

        Raises UnmappableError when it still cannot be carried, MessageGoneError when the stream has deleted it.
        """
        found = await self._mapped(await self._delivery(stream_sequence, data))
        return None if found is None else found[0]

    async def redrive(self, stream_sequence: int, data: bytes | None = None) -> bool:
        """Carry the message; False where its route holds it back. Raises like `destination`, and what the writer raises."""
        delivery = await self._delivery(stream_sequence, data)
        found = await self._mapped(delivery)
        if found is None:
            return False
        destination, headers = found
        record = KafkaRecord(destination.key, delivery.data, delivery.stored_ns // 1_000_000, headers)
        await self._write(self._route.target.topic, {destination.partition: [record]})
        return True

    async def _mapped(self, delivery: Delivery) -> tuple[Destination, list[tuple[str, bytes]]] | None:
        headers = self._headers(delivery)
        if headers is None:
            return None
        destination: Any = self._router(delivery)
        if destination is not None and type(destination) is not Destination:
            destination = await destination
        if destination is None:
            raise UnmappableError("undecodable", "the route disposes of the message itself")
        return destination, headers

    async def _delivery(self, stream_sequence: int, data: bytes | None) -> Delivery:
        stream = self._route.source.stream
        try:
            message = (await api(self._nc, f"STREAM.MSG.GET.{stream}", {"seq": stream_sequence}))["message"]
        except JetStreamError as error:
            if error.code == NO_MESSAGE:
                raise MessageGoneError(f"stream {stream} no longer holds sequence {stream_sequence}") from error
            raise
        return Delivery(
            str(message["subject"]),
            base64.b64decode(message.get("data", "")) if data is None else data,
            parse_headers(base64.b64decode(message.get("hdrs", ""))),
            stream_sequence,
            0,
            nanoseconds(str(message["time"])),
            "",
        )
