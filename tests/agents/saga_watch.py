"""What tests see of sagas from outside: their events in the stream, and the commands that neighbours would get."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
from nats.aio.client import Client

from bridge import read
from config import streams
from domain.ids import saga_id_of
from domain.sagas.saga_events import saga_filter

PATIENCE_S = 60.0

Events = list[dict[str, Any]]


def onboarding_of(person_id: str, run: int = 1) -> str:
    """Id of the saga of an onboarding run."""
    return saga_id_of(f"onboarding:{person_id}:{run}")


async def saga_events(nc: Client, saga_id: str) -> Events:
    """Every stored event of a saga, in order."""
    return [orjson.loads(one.data) async for one in read.messages(nc, streams.SAGAS, saga_filter(saga_id))]


async def until_saga(
    nc: Client, saga_id: str, holds: Callable[[Events], Any], patience_s: float = PATIENCE_S
) -> Events:
    """The events of a saga once a condition holds for them; fails with the last ones that were seen."""
    events: Events = []
    try:
        async with asyncio.timeout(patience_s):
            while not holds(events := await saga_events(nc, saga_id)):  # noqa: ASYNC110  # streams are asked
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"the saga does not get there: {names(events)}; last {events[-1:]}") from None
    return events


def names(events: Events) -> list[str]:
    """What happened, as `step_started IdentityStep`."""
    return [
        " ".join((one["type"].removeprefix("person.saga."), *([one["data"]["step"]] if "step" in one["data"] else [])))
        for one in events
    ]


def ends(word: str) -> Callable[[Events], bool]:
    """Whether a saga has ended so."""
    return lambda events: bool(events) and events[-1]["type"] == f"person.saga.{word}"


async def outbound(nc: Client, verb: str, person_id: str) -> Events:
    """The commands `<domain>.commands.<verb>` about a person that are in the outbox."""
    stored = [orjson.loads(one.data) async for one in read.messages(nc, streams.OUTBOUND, verb)]
    return [one for one in stored if one["data"]["person_id"] == person_id]


async def until_outbound(nc: Client, verb: str, person_id: str, patience_s: float = PATIENCE_S) -> dict[str, Any]:
    """The first command of a verb about a person; fails with the verb."""
    found: Events = []
    try:
        async with asyncio.timeout(patience_s):
            while not (found := await outbound(nc, verb, person_id)):  # noqa: ASYNC110  # streams are asked
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"nobody sends {verb}") from None
    return found[0]
