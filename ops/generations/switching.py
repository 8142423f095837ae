"""Lets one generation take over from another, in phases that workers confirm one by one.

Guarantee: every command is decided by one generation, and what it causes is caused by that one; before the next generation decides anything,
the owners of all partitions of the other have said that they no longer do, everything that they had taken is done, the next one holds all
that they have recorded, and the owners of all its partitions have said that they act. A switch that cannot be finished in time is taken
back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from nats.aio.client import Client
from nats.errors import Error as NatsError

from agents.generations import KEPT_SWITCHES, Held, Phase, Register, Switch, change_register, read_register
from bridge.errors import BridgeError
from bridge.ingress_route import consumers_of
from bridge.jetstream import STREAM_NOT_FOUND, JetStreamError, api
from bridge.streams import ensure_consumer
from config.generations import FOLDED, WORKED
from config.settings import Settings
from config.streams import EVENTS, SAGAS
from config.topics import COMMANDS, FOREIGN, TIMERS, topic_of
from ops.generations.backlog import Backlog, backlog_of, feeding
from ops.generations.ends_before import Ends, ends_before, keep_ends
from ops.generations.errors import GenerationError
from ops.generations.naming import serving_of, settings_of, shown
from queries.generation_reports import ask_owners

LOOK_S = 0.05
MOST_BEHIND = 1000
"""Events and sagas that the next generation may lack when a switch begins: it has to fold them while commands wait."""

CONFIRMED_WITHIN_S = 30.0
STANDS_BY_WITHIN_S = 3.0
"""So long a switch that is taken back waits for the next generation to stand by again. It need not: nobody carries work to it."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Switched:
    """What a switch has done. Commands waited for `pause_s` seconds; the events of the streams up to the two sequences were the old one's."""

    came_from: str
    came_to: str
    pause_s: float
    events_up_to: int
    sagas_up_to: int
    phases_s: dict[str, float]

    def as_data(self) -> dict[str, Any]:
        """The report as JSON."""
        data = asdict(self)
        return {**data, "came_from": shown(self.came_from), "came_to": shown(self.came_to)}


async def switch(
    nc: Client, settings: Settings, to: str, *, by: str, timeout_s: float, say: Say, leave_parked: bool = False
) -> Switched:
    """Let a generation serve. Raises GenerationError when it cannot yet, or did not get ready within `timeout_s`: then all is as before,
    or the message says that it is not.

    Whoever is parked in the one that serves is in the way unless `leave_parked`: what waits for them has had no effects, and gets none then.
    """
    held = await read_register(nc, settings.installation)
    _check(held.register, to)
    async with backlog_of(nc, settings) as backlog:
        return await _Switching(nc, settings, backlog, held, to, by, timeout_s, say, leave_parked).run()


def before(register: Register) -> str:
    """The generation that served before the present one; raises GenerationError when there was none."""
    for one in reversed(register.switches):
        if one.came_to == register.serving and one.came_from in register.generations:
            return one.came_from
    raise GenerationError(f"generation {shown(register.serving)} took over from no other")


def _check(register: Register, to: str) -> None:
    if to not in register.generations:
        raise GenerationError(f"generation {shown(to)} is not declared; see `person generations status`")
    if to == register.serving and register.phase == "serving":
        raise GenerationError(f"generation {shown(to)} serves already")
    if to != register.serving and register.following not in (None, to):
        raise GenerationError(
            f"a switch to {shown(register.following or '')} is under way; finish it with `person generations switch "
            f"{shown(register.following or '')}`, or take it back with `person generations switch {shown(register.serving)}`"
        )


class _Switching:
    def __init__(
        self,
        nc: Client,
        settings: Settings,
        backlog: Backlog,
        held: Held,
        to: str,
        by: str,
        timeout_s: float,
        say: Say,
        leave_parked: bool,
    ) -> None:
        self._nc = nc
        self._settings = settings
        self._backlog = backlog
        self._held = held
        self._before = Ends(held.register.events_up_to, held.register.sagas_up_to)
        self._by = by
        self._to = to
        self._say = say
        self._leave_parked = leave_parked
        self._deadline = time.monotonic() + timeout_s
        self._old = settings_of(settings, serving_of(held.register))
        self._new = settings_of(settings, held.register.generations[to])
        self._phases: dict[str, float] = {}

    async def run(self) -> Switched:
        self._before = await ends_before(self._nc, self._settings.installation, self._held.register)
        if self._to == self._held.register.serving:
            return await self._take_back()
        await self._require_ready()
        try:
            return await self._run()
        except BaseException as error:
            # Whatever it was, also an operator who breaks off: commands must not wait for the next try.
            await asyncio.shield(self._take_back_after(error))
            raise

    async def _run(self) -> Switched:
        if self._held.register.phase in ("stopped", "starting"):
            # The old generation has to act everywhere before anybody carries to it again.
            await self._start_again()
        await self._phase("settling")
        await self._until(
            "what neighbours and timers have brought is done", lambda: self._done(self._old, TIMERS, FOREIGN)
        )
        paused = time.monotonic()
        await self._phase("draining")
        await self._until("all commands that were taken are decided", lambda: self._done(self._old, COMMANDS))
        events, sagas = await self._ends()
        while not await self._all_folded(self._old) or (events, sagas) != await self._ends():
            self._require_time("the old generation has folded what it decided")
            events, sagas = await self._ends()
            await asyncio.sleep(LOOK_S)
        await self._require_nobody_parked()
        await self._phase("stopped")
        await self._until("the new generation holds every event", lambda: self._all_folded(self._new))
        await self._until("the new generation holds every outcome", self._all_followed)
        await self._hand_over()
        await keep_ends(self._nc, self._settings.installation, self._held.register.term + 1, self._before)
        await self._start(self._new, Ends(events, sagas))
        pause_s = round(time.monotonic() - paused, 3)
        done = Switch(
            came_from=self._old.generation,
            came_to=self._to,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            by=self._by,
            pause_s=pause_s,
        )
        await self._change(
            serving=self._to,
            phase="serving",
            following=None,
            switches=(*self._held.register.switches, done)[-KEPT_SWITCHES:],
        )
        self._deadline = max(self._deadline, time.monotonic() + CONFIRMED_WITHIN_S)
        await self._until_through(self._new, "serving")
        return Switched(
            self._old.generation, self._to, round(time.monotonic() - paused, 3), events, sagas, dict(self._phases)
        )

    async def _take_back(self) -> Switched:
        """Let the old generation go on as if nothing had been asked for."""
        self._deadline = max(self._deadline, time.monotonic() + CONFIRMED_WITHIN_S)
        register = self._held.register
        if register.phase != "serving":
            if register.phase in ("stopped", "starting"):
                await self._start_again()
            await self._change(phase="serving", following=None)
            self._say(f"generation {shown(self._old.generation)} goes on serving")
        serving = self._old.generation
        return Switched(serving, serving, 0.0, *self._before, dict(self._phases))

    async def _take_back_after(self, error: BaseException) -> None:
        """Take a switch back that has failed; raises GenerationError when that fails as well."""
        try:
            # An answer may have been lost: what was asked for last may be in the register, or not.
            self._held = await read_register(self._nc, self._settings.installation)
            register = self._held.register
            if register.serving == self._old.generation and register.following in (self._to, self._old.generation):
                await self._take_back()
        except (BridgeError, GenerationError, NatsError, TimeoutError, OSError) as failed:
            raise GenerationError(
                f"{error or type(error).__name__}. Taking the switch back failed as well "
                f"({failed or type(failed).__name__}), so commands may wait: see `person generations status`, then run "
                f"`person generations switch {shown(self._old.generation)}`"
            ) from error

    async def _start_again(self) -> None:
        if self._held.register.phase == "starting" and self._held.register.following == self._to:
            # The ends of before with it: behind this phase nobody looks for them elsewhere.
            await self._change(phase="stopped", events_up_to=self._before.events, sagas_up_to=self._before.sagas)
            deadline = time.monotonic() + STANDS_BY_WITHIN_S
            while time.monotonic() < deadline:
                if not await self._behind(self._new):
                    break
                await asyncio.sleep(LOOK_S)
        # What is parked there may still have its effects, also if --leave-parked was given.
        await self._start(self._old, self._before)

    async def _start(self, settings: Settings, ends: Ends) -> None:
        """Let a generation act, and wait until the owners of all its partitions do: one that does not would pass what is carried to it."""
        await self._change(
            phase="starting",
            following=settings.generation,
            term=self._held.register.term + 1,
            events_up_to=ends.events,
            sagas_up_to=ends.sagas,
        )
        await self._until_through(settings, "starting")

    async def _require_nobody_parked(self) -> None:
        if self._leave_parked:
            return
        parked = await self._parked(self._old)
        if parked:
            raise GenerationError(
                f"{parked} letters of parked persons wait in generation {shown(self._old.generation)} and have had no effects: redrive or "
                "discard them first (`person dlq list`), or give --leave-parked: then they never have any"
            )

    async def _parked(self, settings: Settings) -> int:
        """How many are parked, as all owners tell it: one that is silent may have some."""
        while True:
            reports = await ask_owners(self._nc, settings.app_id, settings.partitions)
            if len(reports) == settings.partitions:
                return sum(one["parked"] for one in reports.values())
            if time.monotonic() > self._deadline:
                raise GenerationError(
                    f"not every owner of generation {shown(settings.generation)} told in time whether anybody is parked; try again"
                )
            await asyncio.sleep(LOOK_S)

    async def _require_ready(self) -> None:
        for name, one in (("old", self._old), ("new", self._new)):
            silent = await self._silent(one)
            if silent:
                raise GenerationError(
                    f"nobody serves partitions {silent} of the {name} generation {shown(one.generation)}; start its workers"
                )
        lacking = sum([await self._backlog.waiting(self._new, topic) for topic in FOLDED])
        if lacking > MOST_BEHIND:
            raise GenerationError(
                f"generation {shown(self._to)} lacks {lacking} events; wait until it lacks at most {MOST_BEHIND}"
            )
        await self._require_nobody_parked()
        parked = await self._parked(self._new)
        if parked:
            self._say(
                f"{parked} letters of parked persons wait in generation {shown(self._to)}: what was edited or discarded elsewhere, or cannot "
                "be folded by its code. Commands on them are refused until they are redriven there (`person dlq list`)"
            )

    async def _phase(self, phase: Phase, **changes: Any) -> None:
        await self._change(phase=phase, following=self._to, **changes)
        await self._until_through(self._old, phase)

    async def _change(self, **changes: Any) -> None:
        register = self._held.register.model_copy(update=changes)
        self._held = await change_register(self._nc, self._settings.installation, self._held, register)

    async def _until_through(self, settings: Settings, phase: Phase) -> None:
        began = time.monotonic()
        while behind := await self._behind(settings):
            self._require_time(f"partitions {behind} of {shown(settings.generation)} are {phase}")
            await asyncio.sleep(LOOK_S)
        self._phases[phase] = round(time.monotonic() - began, 3)
        self._say(f"{shown(settings.generation)}: {phase}")

    async def _behind(self, settings: Settings) -> list[int]:
        """Partitions whose owners have not said yet that they do what the register asks of them."""
        reports = await ask_owners(self._nc, settings.app_id, settings.partitions)
        return [
            one
            for one in range(settings.partitions)
            if one not in reports or reports[one]["through"] < self._held.sequence
        ]

    async def _until(self, what: str, holds: Callable[[], Awaitable[bool]]) -> None:
        began = time.monotonic()
        while not await holds():
            self._require_time(what)
            await asyncio.sleep(LOOK_S)
        self._phases[what] = round(time.monotonic() - began, 3)

    def _require_time(self, what: str) -> None:
        if time.monotonic() > self._deadline:
            if self._held.register.phase == "serving":
                raise GenerationError(f"generation {shown(self._to)} serves, but it took too long until {what}")
            end = "; the switch is taken back" if self._held.register.following == self._to else ""
            raise GenerationError(f"it took too long until {what}{end}")

    async def _done(self, settings: Settings, *topics: str) -> bool:
        """Whether what was taken is done: by what the lanes have in hand, and then by what the topics hold."""
        reports = await ask_owners(self._nc, settings.app_id, settings.partitions)
        names = [topic_of(topic, settings.generation) for topic in topics]
        if len(reports) < settings.partitions or any(
            one["unfinished"][name] for one in reports.values() for name in names
        ):
            return False
        return not sum([await self._backlog.unfolded(settings, topic) for topic in topics])

    async def _all_folded(self, settings: Settings) -> bool:
        return not sum([await self._backlog.waiting(settings, topic) for topic in FOLDED])

    async def _all_followed(self) -> bool:
        return not await self._backlog.unfollowed(self._old, self._new) and not await self._backlog.unfolded(
            self._new, COMMANDS
        )

    async def _silent(self, settings: Settings) -> list[int]:
        reports = await ask_owners(self._nc, settings.app_id, settings.partitions)
        return [one for one in range(settings.partitions) if one not in reports]

    async def _ends(self) -> tuple[int, int]:
        states = [(await api(self._nc, f"STREAM.INFO.{stream}"))["state"] for stream in (EVENTS, SAGAS)]
        return int(states[0]["last_seq"]), int(states[1]["last_seq"])

    async def _hand_over(self) -> None:
        """Let the consumers of the new generation go on where those of the old one have ended."""
        for topic in WORKED:
            for old, new in zip(feeding(self._old, topic), feeding(self._new, topic), strict=True):
                held = await self._backlog.consumers(self._old, old)
                if held:
                    # The stream of a neighbour may be younger than the workers that would have made them.
                    for declared in consumers_of(new, self._new.partitions):
                        await ensure_consumer(self._nc, new.source.stream, declared)
                for name, info in held.items():
                    place = int(info["ack_floor"]["stream_seq"])
                    await self._move(new.source.stream, _renamed(name, self._old, self._new), place)

    async def _move(self, stream: str, consumer: str, place: int) -> None:
        try:
            await api(self._nc, f"CONSUMER.RESET.{stream}.{consumer}", {"seq": place + 1})
        except JetStreamError as error:
            if error.code != STREAM_NOT_FOUND:
                raise


def _renamed(consumer: str, old: Settings, new: Settings) -> str:
    plain = consumer.removesuffix(f"-{old.generation}") if old.generation else consumer
    return f"{plain}-{new.generation}" if new.generation else plain
