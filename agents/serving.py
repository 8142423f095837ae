"""Whether this worker's generation serves, as the register says; and what that means for agents and routes.

Guarantee: an agent that acts on others is run only while its generation serves, and a cycle is run in one role from its first agent to its
last. Between two terms an agent forgets what it knew: others may have acted meanwhile."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from agents.generations import Held, Register, read_register, register_subject
from bridge.ending import end
from bridge.errors import BridgeError
from bridge.routes import IngressRoute, Route
from config.generations import FOLDED
from config.topics import COMMANDS, topic_of
from lanes.agent import Batch, LaneAgent
from lanes.failure import stack_of

logger = logging.getLogger(__name__)

LOOK_INTERVAL_S = 0.5
"""A worker looks at the register so often, and at once when it hears of a change: hearing is fast, looking is sure."""


class Term(NamedTuple):
    """The time for which a generation acts: its number, 0 for none, and up to where others have caused all effects."""

    number: int
    events_up_to: int
    sagas_up_to: int


STANDING_BY = Term(0, 0, 0)


class Role:
    """What this worker's generation is to do now."""

    def __init__(self, nc: Client, installation: str, generation: str) -> None:
        self.generation = generation
        self.on_changed: list[Callable[[], Awaitable[None]]] = []
        """Awaited behind each change, before `done` tells of it."""
        self.done = -1
        """Sequence of the last register with whose change this worker is through."""
        self._nc = nc
        self._installation = installation
        self._held = Held(Register(), -1)
        self._term = STANDING_BY
        self._is_known = False
        self._doubted = False
        self._heard = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def register(self) -> Register:
        """The register as it was seen last."""
        return self._held.register

    @property
    def sequence(self) -> int:
        """The stream sequence of that register."""
        return self._held.sequence

    @property
    def term(self) -> Term:
        """The term in which this generation acts now; STANDING_BY while it does not. Raises BridgeError while that cannot be said."""
        if not self._is_known:
            raise BridgeError("which generation serves could not be read yet")
        return self._term

    @property
    def acts(self) -> bool:
        """Whether this generation is known to act now."""
        return self._is_known and self._term != STANDING_BY

    @property
    def answers(self) -> bool:
        """Whether this generation answers the queries of clients."""
        return self.register.serving == self.generation

    def carries(self, route: Route) -> bool:
        """Whether a route is carried: those that feed the folds always, those to the command lane until a switch drains it."""
        phase = self.register.phase if self.answers else "stopped"
        if isinstance(route, IngressRoute):
            if route.target.topic in {topic_of(one, self.generation) for one in FOLDED}:
                return True
            if not self._is_known:
                return False
            if route.target.topic == topic_of(COMMANDS, self.generation):
                return phase in ("serving", "settling")
        return self._is_known and phase == "serving"

    def while_acting(self, agent: LaneAgent) -> LaneAgent:
        """The same agent, run in the terms of this generation alone."""
        return _WhileActing(agent, self)

    async def begin(self, partitions: int) -> None:
        """Read the register. Raises BridgeError when it knows no generation of this name and so many partitions, or one that was dropped."""
        await self._look()
        if self.generation in self.register.dropped:
            raise BridgeError(
                f"generation {self.generation or 'first'} was dropped: its topics and consumers are gone, and its name stays taken; "
                "start workers of a generation that `person generations status` names (PERSON_GENERATION)"
            )
        declared = self.register.generations.get(self.generation)
        if self.generation and declared is None:
            raise BridgeError(
                f"generation {self.generation} is not declared; declare it with `person generations build {self.generation}`"
            )
        if declared is not None and declared.partitions != partitions:
            raise BridgeError(
                f"generation {self.generation or 'first'} has {declared.partitions} partitions, PERSON_PARTITIONS says {partitions}"
            )

    async def start(self) -> None:
        """Follow the register from now on."""
        await self._nc.subscribe(register_subject(self._installation), cb=self._hear)
        self._task = asyncio.get_running_loop().create_task(self._follow(), name="role")

    async def stop(self) -> None:
        """Follow no more."""
        if self._task is not None:
            await end(self._task)

    async def doubt(self) -> None:
        """Partitions are taken over: what was known before is known no longer, and read again at once if it can be."""
        self._is_known = False
        self.begin_again()
        with suppress(BridgeError, NatsError, TimeoutError, OSError):
            await self._look()

    def begin_again(self) -> None:
        """Tell all who are told of changes once more: there are partitions now for which they have done nothing yet."""
        self._doubted = True
        self.done = -1
        self._heard.set()

    async def _follow(self) -> None:
        while True:
            try:
                await self._look()
                await self._be_through()
            except (BridgeError, NatsError, TimeoutError, OSError) as error:
                logger.debug("the register could not be read: %s", error or type(error).__name__)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                logger.info("a change of the register is taken up again: a lane stopped meanwhile")
            except Exception as error:
                # Not following any longer would leave the worker in a role that others believe ended.
                logger.error("a change of the register is taken up again: %s", stack_of(error))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._heard.wait(), LOOK_INTERVAL_S)
            self._heard.clear()

    async def _look(self) -> None:
        found = await read_register(self._nc, self._installation)
        self._is_known = True
        if found.sequence > self._held.sequence:
            self._held = found
            register = found.register
            acting = register.acts(self.generation)
            self._term = Term(register.term, register.events_up_to, register.sagas_up_to) if acting else STANDING_BY
            if found.sequence:
                logger.info(
                    "generation %r is %s in term %s (%s)",
                    self.generation,
                    "acting" if acting else "standing by",
                    register.term,
                    register.phase,
                )

    async def _be_through(self) -> None:
        while self.done < (sequence := self._held.sequence):
            self._doubted = False
            for callback in self.on_changed:
                await callback()
            if not self._doubted:
                self.done = sequence

    async def _hear(self, _: Msg) -> None:
        self._heard.set()


class _WhileActing(LaneAgent):
    """Runs an agent in the cycles that began in a term."""

    def __init__(self, agent: LaneAgent, role: Role) -> None:
        self.name = agent.name
        self.tables = agent.tables
        self._agent = agent
        self._role = role
        self._terms: dict[int, int] = {}

    async def process(self, batch: Batch) -> None:
        """Run the agent, or leave the records alone: whoever serves gets them, too."""
        term = self._term(batch)
        if not term:
            return
        if self._terms.get(batch.partition) != term:
            self._agent.forget(batch.partition)
            self._terms[batch.partition] = term
        await self._agent.process(batch)

    async def committed(self, batch: Batch) -> None:
        """Let the agent act on what it has processed."""
        if self._term(batch):
            await self._agent.committed(batch)

    def forget(self, partition: int) -> None:
        """Let the agent forget."""
        self._agent.forget(partition)

    def _term(self, batch: Batch) -> int:
        return batch.once("term", lambda: self._role.term.number)
