"""One running neighbour: takes its commands from the outbox with a durable consumer and answers into its own stream.

Guarantees: the commands of a person are handled one after another; a command is acknowledged only when its answer is stored; a neighbour
that ends in between answers again with the same event ids."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from local.neighbours.answers import answer
from local.neighbours.faults import Behaviour, Plan
from local.neighbours.links import Links
from local.neighbours.messages import NeighbourCommand, UnreadableCommandError, read_command, read_event
from local.neighbours.pull import pull
from local.neighbours.streams import OUTBOX, stream_of

logger = logging.getLogger(__name__)

_ACK_WAIT_S = 30.0
_LEARN_S = 10.0
_POLL_S = 0.25
_AGAIN_S = 1.0


class RunningNeighbour:
    """One domain on a connection of its own making; `counts` says what was done, by kind."""

    def __init__(self, nc: Client, domain: str, behaviour: Behaviour) -> None:
        self.domain = domain
        self.counts: Counter[str] = Counter()
        self._nc = nc
        self._js: JetStreamContext = nc.jetstream()
        self._behaviour = behaviour
        self._links = Links(domain)
        self._deliveries: Counter[str] = Counter()
        self._turns: dict[str, asyncio.Lock] = {}
        self._waiting: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Learn from the own stream what was done before, then answer until cancelled."""
        await self._learn()
        await self._await_outbox()
        consumer = f"neighbour-{self.domain}"
        config = ConsumerConfig(
            durable_name=consumer,
            filter_subject=f"{self.domain}.commands.>",
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=_ACK_WAIT_S,
            max_ack_pending=10_000,
            deliver_policy=DeliverPolicy.ALL,
        )
        await self._js.add_consumer(OUTBOX, config)
        try:
            await pull(self._nc, OUTBOX, consumer, self._begin)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, message: Msg) -> None:
        task = asyncio.create_task(self._take(message))
        self._tasks.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # A defect; the command is not acknowledged and comes again.
            logger.error("%s: a command could not be handled", self.domain, exc_info=error)

    async def _learn(self) -> None:
        stream = stream_of(self.domain)
        if not (await self._js.stream_info(stream)).state.messages:
            return
        messages = await self._js.subscribe(f"{self.domain}.events.>", stream=stream, ordered_consumer=True)
        try:
            while True:
                message = await messages.next_msg(timeout=_LEARN_S)
                with suppress(ValueError, KeyError, TypeError):
                    # What somebody else has published there is none of its own.
                    self._links.apply(read_event(message.data))
                if not message.metadata.num_pending:
                    return
        finally:
            await messages.unsubscribe()

    async def _await_outbox(self) -> None:
        told = False
        while True:
            with suppress(NotFoundError):
                await self._js.stream_info(OUTBOX)
                return
            if not told:
                logger.info("%s waits for %s, which a worker creates", self.domain, OUTBOX)
                told = True
            await asyncio.sleep(_POLL_S)

    async def _take(self, message: Msg) -> None:
        try:
            command = read_command(message.subject, message.data)
        except UnreadableCommandError as error:
            logger.warning("%s: %s", message.subject, error)
            self.counts["unreadable"] += 1
            await message.term()
            return
        holding = asyncio.create_task(_keep(message))
        try:
            async with self._turn(command.person_id):
                await self._handle(command)
            await message.ack()
        except NatsError as error:
            logger.warning("%s %s is tried again (%s)", message.subject, command.id, type(error).__name__)
            with suppress(NatsError):
                await message.nak(delay=_AGAIN_S)
        finally:
            holding.cancel()

    @asynccontextmanager
    async def _turn(self, person_id: str) -> AsyncIterator[None]:
        """Commands of a person wait here, in the order of their coming."""
        self._waiting[person_id] += 1
        try:
            async with self._turns.setdefault(person_id, asyncio.Lock()):
                yield
        finally:
            self._waiting[person_id] -= 1
            if not self._waiting[person_id]:
                del self._waiting[person_id], self._turns[person_id]

    async def _handle(self, command: NeighbourCommand) -> None:
        self._deliveries[command.id] += 1
        plan = self._behaviour.plan(command.domain, command.verb, command.id, self._deliveries[command.id])
        self.counts[plan.what] += 1
        if plan.what in ("lose", "silence"):
            return
        if not self._links.answers(command.id):
            await asyncio.sleep(plan.delay_s)
        await self._say(command, plan)

    async def _say(self, command: NeighbourCommand, plan: Plan) -> None:
        for event in answer(command, self._links, refuse=plan.what == "refuse"):
            headers = {"Content-Type": "application/cloudevents+json"}
            repeated = any(known.id == event.id for known in self._links.answers(command.id))
            if not repeated:
                headers["Nats-Msg-Id"] = event.id
            await self._js.publish(event.subject, event.raw, headers=headers)
            self._links.apply(event)
            if plan.twice:
                await self._js.publish(event.subject, event.raw, headers={"Content-Type": headers["Content-Type"]})
                self.counts["twice"] += 1


async def _keep(message: Msg) -> None:
    """Tell the server that the command is worked on, so that it is not delivered again meanwhile."""
    while True:
        await asyncio.sleep(_ACK_WAIT_S / 3)
        with suppress(NatsError):
            await message.in_progress()
