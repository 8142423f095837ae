"""Follows a live subscription: snapshot, changes, and on after whatever happened to workers or connection.

Guarantee: `messages` gives each change of a person once and in order; after a lost message, or when it was too slow, it goes on from its
last position, with the changes of a person since then as one. So it does when another generation answers, with another number of partitions."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import orjson
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import TimeoutError as NatsTimeoutError

from ops.client import WINDOW_HEADER, ClientError, PersonClient, QueryFailed

RENEWED_S = 20.0
"""How often the lease, which lasts a minute, is renewed."""


class Watch:
    """One reader of the rows of a read model that match a filter (domain.md 17.5)."""

    def __init__(
        self,
        client: PersonClient,
        projection: str = "summary",
        filters: Mapping[str, Any] | None = None,
        *,
        positions: Sequence[Mapping[str, int]] = (),
        window: int = 16,
    ) -> None:
        self._client = client
        self._request = {"projection": projection, "filter": dict(filters or {})}
        self._window = window
        self._positions = {one["partition"]: one["stream_sequence"] for one in positions}
        self._is_level = bool(positions)
        self._is_served = False
        self.repetitions = 0
        """Messages that came again after another worker had taken over, and were left out."""
        self._seen: dict[str, int] = {}
        self._subscription_id = ""
        self._subscription: Subscription | None = None
        self._next = 0

    @property
    def positions(self) -> list[dict[str, int]]:
        """From where another watch goes on; empty while the snapshot is not complete."""
        if not self._is_level:
            return []
        return [
            {"partition": partition, "stream_sequence": sequence}
            for partition, sequence in sorted(self._positions.items())
        ]

    async def messages(self) -> AsyncIterator[dict[str, Any]]:
        """What the subscription sends, without repetitions; ends only by an error or when the caller stops."""
        renewing = asyncio.create_task(self._renew())
        try:
            await self._begin()
            while True:
                assert self._subscription is not None
                try:
                    message = await self._subscription.next_msg(timeout=RENEWED_S)
                except NatsTimeoutError:
                    continue
                body = orjson.loads(message.data)
                self._is_served = True
                if self._is_lost(body):
                    await self._begin()
                    continue
                if self._is_news(body):
                    yield body
                else:
                    self.repetitions += 1
                await _acknowledge(message)
                if body["op"] == "lagged":
                    await self._begin()
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
            await self._end()

    async def _begin(self) -> None:
        """A new subscription from where this one stands; the old one ends because nobody listens to it."""
        await self._end()
        self._subscription_id = str(uuid.uuid4())
        self._next = 0
        self._subscription = await self._client.nc.subscribe(f"person.live.{self._subscription_id}")
        # Before the question: the first message may be faster than its answer.
        await self._subscribe()

    async def _subscribe(self) -> None:
        try:
            await self._ask()
        except QueryFailed as error:
            # Without positions it begins anew anyway: they were dropped while this was asked.
            if not self._is_served or not self._positions or error.facts.get("rule") != "partitions":
                raise
            # The generation that sent these positions answers no more, and this one was not heard of in time.
            self._positions = dict.fromkeys(range(error.facts["partitions"]), min(self._positions.values()))
            await self._ask()

    async def _ask(self) -> None:
        request: dict[str, Any] = {**self._request, "subscription_id": self._subscription_id}
        if self.positions:
            request["from"] = self.positions
        await self._client.query("subscribe", request, timeout_ms=10_000, headers={WINDOW_HEADER: str(self._window)})

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEWED_S)
            with contextlib.suppress(ClientError, QueryFailed):
                await self._subscribe()

    async def _end(self) -> None:
        if self._subscription is not None and not self._client.nc.is_closed:
            await self._subscription.unsubscribe()
        self._subscription = None

    def _is_lost(self, body: Mapping[str, Any]) -> bool:
        """Whether a message is missing before this one. A number 0 begins anew: another worker has taken over."""
        number = body["n"]
        if number not in (0, self._next) and number > self._next:
            return True
        self._next = number + 1
        return False

    def _is_news(self, body: Mapping[str, Any]) -> bool:
        op = body["op"]
        if op in ("caught_up", "lagged"):
            self._is_level = self._is_level or op == "caught_up"
            # Of all partitions, which may be others than before; of none when it is to begin anew.
            self._positions.clear()
            self._stand_at(body.get("position", ()))
            return True
        if op != "snapshot":
            self._stand_at([body["position"]])
        sequence: int = body["sequence"]
        known = self._seen.get(body["person_id"], -1)
        self._seen[body["person_id"]] = max(known, sequence)
        # A snapshot that is begun anew, since its worker died, repeats rows too.
        return sequence > known

    def _stand_at(self, positions: Sequence[Mapping[str, int]]) -> None:
        for one in positions:
            self._positions[one["partition"]] = one["stream_sequence"]


async def _acknowledge(message: Msg) -> None:
    if message.reply:
        await message.respond(b"")
