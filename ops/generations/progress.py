"""How far the generations are: what waits as a count and as a time, how fast it gets less, and when it will be done."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from nats.aio.client import Client

from agents.generations import Generation, read_register
from bridge import read
from config.generations import FOLDED
from config.settings import Settings
from config.streams import EVENTS as EVENTS_STREAM
from config.topics import EVENTS
from domain.partitions import partition_of
from ops.generations.backlog import Backlog, backlog_of, feeding
from ops.generations.naming import serving_of, settings_of, shown
from queries.generation_reports import ask_owners

READ_AT_MOST = 200
"""Messages of other partitions that are looked through for the first one of a partition; behind them its lag is taken for theirs."""


class Progress(NamedTuple):
    """One generation. `lacks` events and saga events are not folded, `lag_s` is the age of the oldest of these events.

    `eta_s` is None while nothing gets less; `silent` partitions have no owner that answers.
    """

    generation: Generation
    role: str
    lacks: int
    lag_s: float
    per_second: float
    eta_s: float | None
    outcomes_lacking: int
    silent: list[int]

    def as_data(self) -> dict[str, Any]:
        """As JSON."""
        data = {**self.generation.model_dump(), **self._asdict()}
        del data["generation"]
        data["name"] = shown(self.generation.name)
        return data


async def progress(nc: Client, settings: Settings, *, over_s: float) -> list[Progress]:
    """All generations; rates are those of `over_s` seconds. Raises errors of the servers."""
    held = await read_register(nc, settings.installation)
    register = held.register
    if not register.generations:
        return []
    async with backlog_of(nc, settings) as backlog:
        found = {name: settings_of(settings, one) for name, one in sorted(register.generations.items())}
        before = {name: await _lacks(backlog, one) for name, one in found.items()}
        began = time.monotonic()
        await asyncio.sleep(over_s)
        told = []
        for name, one in found.items():
            lacks = await _lacks(backlog, one)
            rate = (before[name] - lacks) / (time.monotonic() - began)
            serves = name == register.serving
            source = settings_of(settings, serving_of(register))
            reports = await ask_owners(nc, one.app_id, one.partitions)
            told.append(
                Progress(
                    generation=register.generations[name],
                    role=f"serves ({register.phase})" if serves else "stands by",
                    lacks=lacks,
                    lag_s=round(await _lag_s(nc, one, reports), 1) if lacks else 0.0,
                    per_second=round(max(0.0, rate), 1),
                    eta_s=0.0 if not lacks else round(lacks / rate, 1) if rate > 0 else None,
                    outcomes_lacking=0 if serves else await backlog.unfollowed(source, one),
                    silent=[partition for partition in range(one.partitions) if partition not in reports],
                )
            )
        return told


async def _lacks(backlog: Backlog, settings: Settings) -> int:
    # A message that may belong to several partitions waits at the consumer of each.
    readers = settings.partitions // math.gcd(settings.partitions, settings.stored_partitions)
    uncarried = sum([await backlog.uncarried(settings, topic) for topic in FOLDED])
    unfolded = sum([await backlog.unfolded(settings, topic) for topic in FOLDED])
    return math.ceil(uncarried / readers) + unfolded


async def _lag_s(nc: Client, settings: Settings, reports: Mapping[int, Mapping[str, Any]]) -> float:
    """The age of the oldest event that is not folded, of all partitions whose owners answer."""
    [route] = feeding(settings, EVENTS)
    ages = [0.0]
    for partition, report in reports.items():
        for pattern in route.filters(partition, settings.partitions):
            place = int(report["events"])
            for _ in range(READ_AT_MOST):
                message = await read.first_message(nc, EVENTS_STREAM, pattern, after=place)
                if message is None:
                    break
                person_id = message.subject.rpartition(".")[2]
                if partition_of(person_id, settings.partitions) == partition:
                    ages.append(time.time() - message.stored_at.timestamp())
                    break
                place = message.stream_sequence
    return max(ages)
