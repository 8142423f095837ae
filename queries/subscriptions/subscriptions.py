"""The live subscriptions of an installation: each is served by one worker, known to all, and taken over when its worker ends.

Guarantee: a subscription lives as long as its reader renews and listens, whichever workers end meanwhile. Who takes one over goes on
from the position that was last announced, so nothing is missed; what was sent behind it comes again, with the same `sequence`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as NatsSubscription
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from pydantic import BaseModel

from bridge.ending import end
from lanes.failure import stack_of
from queries.endpoint import Ask
from queries.filters import Filters
from queries.frame import Answer, QueryError
from queries.outflow import Outflow, Outflows, ReaderGoneError, ReaderSlowError
from queries.subscriptions.messages import Followed
from queries.subscriptions.reads import POSITION, NoRequest
from queries.subscriptions.session import Session, Wanted, carried_over, lagged

if TYPE_CHECKING:
    from queries.subscriptions.endpoint import Subscribe

logger = logging.getLogger(__name__)

LEASE_S = 60.0
LISTENING_S = 5.0
"""How long a reader has to begin to listen."""
ANNOUNCED_S = 1.0
"""How often a worker tells the others where its subscriptions stand."""
SILENT_S = 4.0
"""A subscription that nobody has announced for so long may have lost its worker."""
JITTER_S = 0.5
MAX_SUBSCRIPTIONS = 200
"""Subscriptions that one worker serves."""


class Announced(BaseModel):
    """A subscription as workers tell each other of it. `released` means that its worker has ended it for another one to take.

    One without any lease left is over.
    """

    subscription_id: str
    worker: str
    projection: Followed
    filter: Filters
    window: int | None
    positions: dict[int, int] | None
    lease_left_s: float
    released: bool = False


Ending = Literal["expired", "gone", "lagged", "moved", "disconnected", "failed"]
"""Why a session is over: nobody renewed, nobody listened, the reader was too slow, another worker goes on, no connection, an error."""


class SessionOver(NamedTuple):
    """What a session was: a subscription as long as one worker served it. `began_ns` is in nanoseconds since the epoch."""

    subscription_id: str
    projection: str
    began_ns: int
    messages: int
    ending: Ending


class Subscriptions:
    """The subscriptions that this worker serves, and what it knows of the others."""

    def __init__(self, nc: Client, outflows: Outflows, asking: Callable[[float | None], Ask], *, app_id: str) -> None:
        self._nc = nc
        self._outflows = outflows
        self._asking = asking
        self._worker = uuid.uuid4().hex
        self._prefix = f"person.internal.{app_id}.live"
        self._served: dict[str, _Served] = {}
        self._elsewhere: dict[str, tuple[Announced, float]] = {}
        self._known: NatsSubscription | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        self._resting = False
        self._rests = 0
        """How often a rest began. What is to be served and was asked for before the last one is not."""
        self.on_session_over: list[Callable[[SessionOver], None]] = []

    async def start(self) -> None:
        """Listen to the other workers."""
        self._known = await self._nc.subscribe(f"{self._prefix}.announced", cb=self._on_announced)
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._announce_all()), loop.create_task(self._take_over_all())]

    async def stop(self) -> None:
        """End all sessions and let other workers go on with them."""
        self._stopping = True
        served = list(self._served.values())
        await asyncio.gather(*(one.end() for one in served), *(end(task) for task in self._tasks))
        for one in served:
            await self._announce(one, released=True)
        if self._known is not None and not self._nc.is_closed:
            with contextlib.suppress(NatsError):
                await self._known.unsubscribe()

    async def rest(self, rest: bool, next_partitions: int = 0) -> None:
        """While it rests, no session runs here and none is taken over.

        A reader whose session ends so is told from where it goes on with owners of `next_partitions` partitions; no worker is told.
        """
        self._resting = rest
        if rest:
            self._rests += 1
            self._elsewhere.clear()
            await asyncio.gather(*(self._send_on(one, next_partitions) for one in list(self._served.values())))

    async def _send_on(self, served: _Served, partitions: int) -> None:
        await served.end()
        # A reader that does not hear it renews in time, with positions that fit or are refused.
        with contextlib.suppress(NatsError):
            positions, sent = served.stands_at()
            body = lagged(carried_over(positions, partitions), sent)
            await self._nc.publish(subject_of(served.subscription_id), body)

    def served(self) -> int:
        """How many subscriptions this worker serves."""
        return len(self._served)

    async def subscribe(self, ask: Ask, query: Subscribe) -> Answer:
        """Begin a subscription, or renew one wherever it is served; one that nobody serves any more goes on from `from`."""
        rests = self._rests
        subscription_id = query.subscription_id or str(uuid.uuid4())
        wanted = Wanted(query.projection, query.filter)
        if query.subscription_id is not None and await self._renewed(subscription_id, wanted):
            return await self._answer(ask, query, subscription_id)
        if len(self._served) >= MAX_SUBSCRIPTIONS:
            raise QueryError("overloaded", "the worker serves as many subscriptions as it may; ask again")
        answer = await self._answer(ask, query, subscription_id)
        positions = query.positions
        if positions is not None and positions.keys() != set(range(ask.partitions)):
            raise QueryError(
                "invalid_query",
                f"from: one place for each of {ask.partitions} partitions; there may have been another number of them",
                field="from",
                rule="partitions",
                partitions=ask.partitions,
            )
        if positions is None and (known := self._elsewhere.get(subscription_id)) is not None:
            positions = known[0].positions
        await self._serve(subscription_id, wanted, ask.window, positions, LEASE_S, rests)
        if rests != self._rests:
            raise QueryError("unavailable", "another generation has begun to answer; ask again")
        return answer

    async def _answer(self, ask: Ask, query: Subscribe, subscription_id: str) -> Answer:
        gathered = await ask.reachable(POSITION, NoRequest(**query.frame()))
        positions = [found.position for found in gathered.found]
        data = {
            "subscription_id": subscription_id,
            "subject": subject_of(subscription_id),
            "position": positions,
            "lease_s": int(LEASE_S),
        }
        return Answer(data, positions, silent=gathered.silent)

    async def _renewed(self, subscription_id: str, wanted: Wanted) -> bool:
        asked = orjson.dumps({"projection": wanted.projection, "filter": wanted.filter.model_dump(mode="json")})
        try:
            reply = await self._nc.request(self._host_subject(subscription_id), asked, timeout=1.0)
        except (NoRespondersError, NatsError):
            return False
        if orjson.loads(reply.data)["renewed"]:
            return True
        raise QueryError(
            "invalid_query",
            "subscription_id: belongs to another projection or filter",
            field="subscription_id",
            rule="renewal",
        )

    async def _serve(
        self,
        subscription_id: str,
        wanted: Wanted,
        window: int | None,
        positions: Mapping[int, int] | None,
        lease_s: float,
        rests: int,
    ) -> None:
        """Begin a session, unless a rest has begun since `rests` was looked at: it would go on beside that of another generation."""
        if rests != self._rests:
            return
        self._elsewhere.pop(subscription_id, None)
        if subscription_id in self._served:
            return  # somebody renewed it while its worker was being looked for
        served = _Served(subscription_id, wanted, window, positions, time.monotonic() + lease_s)
        self._served[subscription_id] = served
        served.heard = await self._nc.subscribe(self._host_subject(subscription_id), cb=served.on_renewal)
        if rests != self._rests:
            self._served.pop(subscription_id, None)
            with contextlib.suppress(NatsError):
                await served.heard.unsubscribe()
            return
        served.task = asyncio.get_running_loop().create_task(self._run(served))

    async def _run(self, served: _Served) -> None:
        try:
            with self._outflows.to(
                subject_of(served.subscription_id), served.window, appears_within_s=LISTENING_S
            ) as flow:
                served.flow = flow
                served.session = Session(lambda: self._asking(None), flow, served.wanted, served.begins_at)
                await self._until_over(served, flow)
            # Others would take it over when they hear nothing of it for a while.
            served.over = True
            await self._announce(served)
        except NatsError as error:
            served.ending = "disconnected"
            # Without a connection nobody is served; whoever has one next goes on.
            logger.warning("a subscription lost its connection: %s", type(error).__name__)
            self._elsewhere[served.subscription_id] = (self._announced(served), time.monotonic())
        except Exception as error:
            served.ending = "failed"
            logger.error("a subscription failed: %s", stack_of(error))
        finally:
            for tell in self.on_session_over:
                tell(served.told())
            if not self._stopping:
                self._served.pop(served.subscription_id, None)
            if served.heard is not None and not self._nc.is_closed:
                with contextlib.suppress(NatsError):
                    await served.heard.unsubscribe()

    async def _until_over(self, served: _Served, flow: Outflow) -> None:
        assert served.session is not None
        running = asyncio.create_task(served.session.run())
        try:
            while not running.done():
                left = served.until - time.monotonic()
                if left <= 0:
                    served.ending = "expired"
                    return
                await asyncio.wait({running}, timeout=left)
            await running
        except BaseExceptionGroup as failures:
            first = _first(failures)
            if isinstance(first, ReaderSlowError):
                served.ending = "lagged"
                await self._nc.publish(subject_of(served.subscription_id), lagged(served.session.positions, flow.sent))
            elif isinstance(first, ReaderGoneError):
                served.ending = "gone"
            else:
                raise first from None
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def _announce_all(self) -> None:
        while True:
            await asyncio.sleep(ANNOUNCED_S)
            for served in list(self._served.values()):
                await self._announce(served)

    async def _announce(self, served: _Served, *, released: bool = False) -> None:
        announced = self._announced(served).model_copy(update={"released": released})
        # Others notice the silence of a worker that has lost its connection.
        with contextlib.suppress(NatsError):
            await self._nc.publish(f"{self._prefix}.announced", announced.model_dump_json().encode())

    def _announced(self, served: _Served) -> Announced:
        return Announced(
            subscription_id=served.subscription_id,
            worker=self._worker,
            projection=served.wanted.projection,
            filter=served.wanted.filter,
            window=served.window,
            positions=served.stands_at()[0],
            lease_left_s=0.0 if served.over else served.until - time.monotonic(),
        )

    async def _on_announced(self, message: Msg) -> None:
        announced = Announced.model_validate_json(message.data)
        if announced.worker == self._worker or self._resting:
            return
        own = self._served.get(announced.subscription_id)
        if announced.lease_left_s <= 0:
            self._elsewhere.pop(announced.subscription_id, None)
        elif own is None:
            heard = -SILENT_S if announced.released else 0.0
            self._elsewhere[announced.subscription_id] = (announced, time.monotonic() + heard)
        elif not announced.released and announced.worker < self._worker:
            # Two workers took the same one over; the one with the lower name keeps it.
            await own.end()

    async def _take_over_all(self) -> None:
        while True:
            await asyncio.sleep(random.uniform(0.5, 1.0) * JITTER_S)  # noqa: S311  # spreads the workers, hides nothing
            now = time.monotonic()
            for subscription_id, (announced, heard) in list(self._elsewhere.items()):
                if subscription_id not in self._elsewhere:
                    continue  # it was taken, has ended, or a rest has begun since
                if now - heard > announced.lease_left_s:
                    del self._elsewhere[subscription_id]
                elif now - heard >= SILENT_S and len(self._served) < MAX_SUBSCRIPTIONS:
                    await self._take_over(subscription_id, announced, now - heard)

    async def _take_over(self, subscription_id: str, announced: Announced, silent_s: float) -> None:
        rests = self._rests
        try:
            await self._nc.request(f"{self._host_subject(subscription_id)}", b"", timeout=1.0)
        except NoRespondersError:
            wanted = Wanted(announced.projection, announced.filter)
            left = announced.lease_left_s - silent_s
            await self._serve(subscription_id, wanted, announced.window, announced.positions, left, rests)
        except NatsError:
            return
        else:
            if rests == self._rests:
                self._elsewhere[subscription_id] = (announced, time.monotonic())

    def _host_subject(self, subscription_id: str) -> str:
        return f"{self._prefix}.{subscription_id}"


class _Served:
    """One subscription that this worker serves."""

    def __init__(
        self,
        subscription_id: str,
        wanted: Wanted,
        window: int | None,
        begins_at: Mapping[int, int] | None,
        until: float,
    ) -> None:
        self.subscription_id = subscription_id
        self.wanted = wanted
        self.window = window
        self.begins_at = begins_at
        self.until = until
        self.over = False
        self.began_ns = time.time_ns()
        self.ending: Ending = "moved"
        self.flow: Outflow | None = None
        self.session: Session | None = None
        self.heard: NatsSubscription | None = None
        self.task: asyncio.Task[None] | None = None

    async def on_renewal(self, message: Msg) -> None:
        """Renew the lease for whoever asks for the same; an empty question only asks whether anybody is here."""
        if self.over:
            return
        asked: dict[str, Any] = orjson.loads(message.data) if message.data else {}
        renewed = asked == {
            "projection": self.wanted.projection,
            "filter": self.wanted.filter.model_dump(mode="json"),
        }
        if renewed:
            self.until = time.monotonic() + LEASE_S
        await message.respond(orjson.dumps({"renewed": renewed}))

    def stands_at(self) -> tuple[Mapping[int, int] | None, int]:
        """The positions from which another session goes on, None for the beginning, and how many messages were sent."""
        if self.session is None or self.flow is None:
            return dict(self.begins_at or {}) or None, 0
        return self.session.positions, self.flow.sent

    def told(self) -> SessionOver:
        """The session as it stands."""
        messages = 0 if self.flow is None else self.flow.sent
        return SessionOver(self.subscription_id, self.wanted.projection, self.began_ns, messages, self.ending)

    async def end(self) -> None:
        """End the session where it stands."""
        while self.task is not None and not self.task.done():
            # Again, because a client may have taken a cancellation for the end of its own wait.
            self.task.cancel()
            await asyncio.wait({self.task}, timeout=1.0)


def subject_of(subscription_id: str) -> str:
    """Where the messages of a subscription are sent."""
    return f"person.live.{subscription_id}"


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """What made a group of tasks end."""
    found: BaseException = failures
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found
