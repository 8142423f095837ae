"""Measures commands: request to outcome at a fixed rate, and how many one worker accepts and applies under concurrent load."""

from __future__ import annotations

import asyncio
import time
from array import array
from typing import Any

from benchmarks.measure import MAX_LATE_P99_MS
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
    statuses: dict[str, int] = {}
    late = array("q")
    start = time.time_ns() + 500_000_000
    interval = 1e9 / rate

    async def one(number: int, due: int) -> None:
        command_id, awaited = await client.publish(_create(number))
        acknowledged[number] = time.time_ns() - due
        told = await client.outcome(command_id, awaited, timeout_s=OUTCOME_BUDGET_S)
        outcome[number] = time.time_ns() - due
        statuses[told["status"]] = statuses.get(told["status"], 0) + 1

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
        "statuses": statuses,
        "acknowledged": in_milliseconds([taken for number, taken in acknowledged.items() if number >= first]),
        "outcome": in_milliseconds([taken for number, taken in outcome.items() if number >= first]),
    }


async def concurrent(client: PersonClient, total: int) -> dict[str, Any]:
    """Keep many commands under way; every one is acknowledged after an fsync, decided, and its outcome received."""
    free = asyncio.Semaphore(COMMANDS_AT_ONCE)
    accepted: list[float] = []

    async def one(number: int) -> None:
        try:
            command_id, awaited = await client.publish(_create(number))
            told = await client.outcome(command_id, awaited, timeout_s=OUTCOME_BUDGET_S)
            if told["status"] == "accepted":
                accepted.append(time.perf_counter())
        finally:
            free.release()

    async with asyncio.TaskGroup() as group:
        for number in range(total):
            await free.acquire()
            group.create_task(one(number))
    # Neither the ramp at the beginning nor the rest at the end, where less is under way.
    first, last = int(total * 0.1), int(total * 0.9) - 1
    steady = accepted[last] - accepted[first] if len(accepted) == total else float("nan")
    return {
        "commands": total,
        "accepted": len(accepted),
        "at_once": COMMANDS_AT_ONCE,
        "accepted_per_second": round((last - first) / steady),
    }


def _create(number: int) -> CommandMessage:
    name = {"given_names": ["Bench"], "family_names": [f"P{number}"], "naming_convention": "Western"}
    return CommandMessage("person.commands.create", {"name": name, "source": "bench"}, actor="job:bench")
