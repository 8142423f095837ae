"""Makes faults and heals them, by kind. A heal returns when the harness has done its part, not when the system is well again."""

from __future__ import annotations

import asyncio
import shutil
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from config import topics
from config.streams import EVENTS
from local.stack import Stack
from tests.chaos.installation import Installation
from tests.chaos.plan import OF_KAFKA, OF_NATS, Fault, Kind

ELECTION_S = 10.0


@dataclass(frozen=True)
class Happened:
    """What was done when, in seconds after the load began."""

    at_s: float
    text: str


class FaultMaker:
    """The faults of an installation, and a ledger of what was done."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self.happened: list[Happened] = []
        self._begun = time.monotonic()
        self.healed_at = 0.0

    async def carry_out(self, faults: tuple[Fault, ...]) -> None:
        """Make and heal all faults at their times; every fault is healed when it returns, however it returns."""
        self._begun = time.monotonic()
        self.happened = []
        async with asyncio.TaskGroup() as group:
            for fault in faults:
                group.create_task(self._one(fault))
        self.healed_at = time.monotonic()

    async def _one(self, fault: Fault) -> None:
        inject, heal = self._ways(fault)
        await asyncio.sleep(max(0.0, fault.at_s - (time.monotonic() - self._begun)))
        try:
            self._note(f"{fault.kind} of {fault.victim}" + (f" ({fault.amount:+g})" if fault.amount else ""))
            await inject()
            await asyncio.sleep(max(0.0, fault.healed_at_s - (time.monotonic() - self._begun)))
        finally:
            await heal()
            self._note(f"{fault.kind} of {fault.victim} healed")

    def _note(self, text: str) -> None:
        self.happened.append(Happened(round(time.monotonic() - self._begun, 2), text))

    def _ways(self, fault: Fault) -> tuple[Callable[[], Awaitable[None]], Callable[[], Awaitable[None]]]:
        one = self._installation
        equipment = one.equipment
        victim = fault.victim

        async def release() -> None:
            one.release(victim)

        async def kill() -> None:
            one.hold(victim)
            await one.kill(victim)

        async def kill_and_delete() -> None:
            await kill()
            await asyncio.to_thread(_empty, one, victim)

        async def stop() -> None:
            one.signal(victim, signal.SIGSTOP)

        async def go_on() -> None:
            one.signal(victim, signal.SIGCONT)

        async def in_thread(work: Callable[[], None]) -> None:
            await asyncio.to_thread(work)

        match fault.kind:
            case Kind.KILL_WORKER:
                return kill, release
            case Kind.DELETE_DATA:
                return kill_and_delete, release
            case Kind.PAUSE_WORKER:
                return stop, go_on
            case Kind.FULL_DISK:
                disk = equipment.disks[victim]
                return (lambda: in_thread(disk.fill)), (lambda: in_thread(disk.free))
            case Kind.CLOCK_JUMP:
                clock = equipment.clocks[victim]
                return (lambda: in_thread(lambda: clock.jump(int(fault.amount)))), (
                    lambda: in_thread(lambda: clock.jump(0))
                )
            case Kind.KILL_NATS:
                return (lambda: in_thread(one.stack.kill_nats)), (lambda: in_thread(one.stack.start_nats))
            case Kind.KILL_KAFKA:
                return (lambda: in_thread(one.stack.kill_kafka)), (lambda: in_thread(one.stack.start_kafka))
        if fault.kind in OF_NATS | OF_KAFKA:
            return self._ways_of_leader(fault)
        link = equipment.nats_links[victim] if victim in one.workers else one.stack.kafka_proxy
        begin = {
            "cut": link.cut,
            "delay": lambda: link.delay(fault.amount, fault.amount / 2),
            "half_open": link.half_open,
        }[fault.kind.rpartition("_")[0]]
        return (lambda: in_thread(begin)), (lambda: in_thread(link.heal))

    def _ways_of_leader(self, fault: Fault) -> tuple[Callable[[], Awaitable[None]], Callable[[], Awaitable[None]]]:
        """Who leads is asked when the fault begins."""
        stack = self._installation.stack
        hit: list[int] = []
        server = fault.victim
        verb = fault.kind.partition("_")[0]

        def begin() -> None:
            node = _leader(stack, fault.kind)
            hit.append(node)
            self._note(f"{fault.kind} hits {server}-{node}")
            if verb == "cut":
                getattr(stack, f"cut_off_{server}")(node)
            else:
                getattr(stack, f"{verb}_{server}")(node)

        def end() -> None:
            for node in hit:
                if verb == "cut":
                    for pair, links in getattr(stack.proxies, f"{server}_links").items():
                        if node in pair:
                            for link in links:
                                link.heal()
                elif verb == "pause":
                    getattr(stack, f"resume_{server}")(node)
                else:
                    getattr(stack, f"start_{server}")(node, wait=False)

        async def inject() -> None:
            await asyncio.to_thread(begin)

        async def heal() -> None:
            await asyncio.to_thread(end)

        return inject, heal


def _leader(stack: Stack, kind: Kind) -> int:
    """The node that leads now, waited for while an election runs; the first one when nobody leads for long."""
    ask = {
        "stream_leader": lambda: stack.leaders.stream(EVENTS),
        "meta_leader": stack.leaders.meta,
        "partition_leader": lambda: stack.leaders.partition(topics.EVENTS, 0),
        "controller": stack.leaders.controller,
    }[kind.removeprefix("kill_").removeprefix("cut_off_").removeprefix("pause_")]
    deadline = time.monotonic() + ELECTION_S
    while (node := ask()) is None:
        if time.monotonic() > deadline:
            return 1
        time.sleep(0.1)
    return node


def _empty(installation: Installation, worker: str) -> None:
    """Delete what is in the data folder; the folder itself may be a disk."""
    for child in installation.equipment.data_of(worker).iterdir():
        if child.is_dir():
            shutil.rmtree(child)
        else:
            child.unlink()
