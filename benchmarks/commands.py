"""Measures commands: request to outcome at a fixed rate, and how many one worker accepts and applies under concurrent load."""

from __future__ import annotations

import asyncio
import time
from array import array
from typing import Any

from benchmarks.measure import MAX_LATE_P99_MS, RunFailedError
from benchmarks.percentiles import in_milliseconds
from ops.client import CommandMessage, PersonClient

WARM_UP_SHARE = 0.25
COMMANDS_AT_ONCE = 512
OUTCOME_BUDGET_S = 60.0


async def open_loop(client: PersonClient, rate: float, seconds: float) -> dict[str, Any]:
    """Send commands at a fixed rate; latency is from due time to the outcome in the sender's inbox."""
    total = int(rate * seconds)
    acknowledged: dict[int, int] = {}
    outcome: dict[int, int] = {}
    late = array("q")
    start = time.time_ns() + 500_000_000
    interval = 1e9 / rate

    async def one(number: int, due: int) -> None:
        command_id, awaited = await client.publish(_create())
        acknowledged[number] = time.time_ns() - due
        told = await client.outcome(command_id, awaited, timeout_s=OUTCOME_BUDGET_S)
        outcome[number] = time.time_ns() - due
        _must_be_accepted(told)

    async with asyncio.TaskGroup() as group:
        for number in range(total):
            due = start + int(number * interval)
            delay = due - time.time_ns()
            if delay > 0:
                await asyncio.sleep(delay / 1e9)
            late.append(max(0, time.time_ns() - due))
            group.create_task(one(number, due))
    first = int(total * WARM_UP_SHARE)
    lateness = in_milliseconds(late[first:])
    return {
        "rate": rate,
        "seconds": seconds,
        "valid": lateness["p99"] <= MAX_LATE_P99_MS,
        "generator_late": lateness,
        "acknowledged": in_milliseconds([taken for number, taken in acknowledged.items() if number >= first]),
        "outcome": in_milliseconds([taken for number, taken in outcome.items() if number >= first]),
    }


async def concurrent(client: PersonClient, total: int) -> dict[str, Any]:
    """Keep many commands under way; every one is acknowledged after an fsync, decided, and its outcome received."""
    free = asyncio.Semaphore(COMMANDS_AT_ONCE)
    answered: list[float] = []

    async def one() -> None:
        try:
            command_id, awaited = await client.publish(_create())
            told = await client.outcome(command_id, awaited, timeout_s=OUTCOME_BUDGET_S)
            _must_be_accepted(told)
            answered.append(time.perf_counter())
        finally:
            free.release()

    async with asyncio.TaskGroup() as group:
        for _ in range(total):
            await free.acquire()
            group.create_task(one())
    # Neither the ramp at the beginning nor the rest at the end, where less is under way.
    first, last = int(total * 0.1), int(total * 0.9) - 1
    per_second = (last - first) / (answered[last] - answered[first])
    return {
        "commands": total,
        "at_once": COMMANDS_AT_ONCE,
        "accepted_per_second": round(per_second),
    }


def _must_be_accepted(outcome: dict[str, Any]) -> None:
    if outcome["status"] != "accepted":
        raise RunFailedError(f"a command was {outcome['status']}: {outcome['reason']}")


def _create() -> CommandMessage:
    name = {"given_names": ["Bench"], "family_names": ["Person"], "naming_convention": "Western"}
    return CommandMessage("person.commands.create", {"name": name, "source": "bench"}, actor="job:bench")
