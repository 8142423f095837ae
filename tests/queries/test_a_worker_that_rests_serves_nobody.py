"""What was asked for before a rest is not served behind it: a session would go on beside that of the generation that answers now."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from unittest.mock import AsyncMock

import pytest
from nats.errors import NoRespondersError

from queries.frame import Answer, QueryError
from queries.subscriptions.endpoint import Subscribe
from queries.subscriptions.subscriptions import SILENT_S, Announced, Subscriptions

QUERY = Subscribe.model_validate({"projection": "summary", "filter": {"tag": "x"}})


class Quiet:
    """A connection on which nobody answers. What waits at `gate` goes on when it is opened."""

    is_closed = False

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.waits = asyncio.Event()
        self.ended: list[str] = []

    async def at_gate(self) -> None:
        self.waits.set()
        await self.gate.wait()

    async def request(self, *_: Any, **__: Any) -> None:
        await self.at_gate()
        raise NoRespondersError

    async def subscribe(self, subject: str, **_: Any) -> Any:
        await self.at_gate()
        subscription = AsyncMock()
        subscription.unsubscribe.side_effect = lambda: self.ended.append(subject)
        return subscription

    async def publish(self, *_: Any, **__: Any) -> None:
        """Nobody hears it."""


@pytest.fixture
def nc() -> Quiet:
    """A connection whose gate is shut."""
    return Quiet()


@pytest.fixture
def live(nc: Quiet, monkeypatch: pytest.MonkeyPatch) -> Subscriptions:
    """Subscriptions whose sessions never end by themselves."""
    nobody: Any = None
    found = Subscriptions(nc, nobody, nobody, app_id="x")  # type: ignore[arg-type]

    async def run(_served: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(found, "_run", run)
    return found


def asked(*, answers: Any) -> Any:
    class Asked:
        partitions = 1
        window = None

        async def reachable(self, *_: Any) -> Any:
            await answers()
            return type("Gathered", (), {"found": [], "silent": ()})()

    return Asked()


@pytest.mark.parametrize("at", ["its answer", "its beginning"])
async def test_a_subscription_that_was_asked_for_before_a_rest_is_refused(
    live: Subscriptions, nc: Quiet, at: str
) -> None:
    answers = nc.at_gate if at == "its answer" else AsyncMock()
    subscribing = asyncio.create_task(live.subscribe(asked(answers=answers), QUERY))
    await nc.waits.wait()

    await live.rest(True)
    nc.gate.set()

    with pytest.raises(QueryError, match="another generation has begun to answer"):
        await subscribing
    assert live.served() == 0
    assert len(nc.ended) == (at == "its beginning")


async def test_a_worker_that_rests_already_serves_who_asks_it(live: Subscriptions, nc: Quiet) -> None:
    nc.gate.set()
    await live.rest(True)

    assert isinstance(await live.subscribe(asked(answers=AsyncMock()), QUERY), Answer)
    assert live.served() == 1
    await live.stop()


async def test_nothing_is_taken_over_behind_a_rest(
    live: Subscriptions, nc: Quiet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queries.subscriptions.subscriptions.JITTER_S", 0.0)
    for one in ("a", "b"):
        known = Announced(
            subscription_id=one,
            worker="w",
            projection="summary",
            filter=QUERY.filter,
            window=None,
            positions=None,
            lease_left_s=60,
        )
        live._elsewhere[one] = (known, time.monotonic() - SILENT_S)
    taking_over = asyncio.create_task(live._take_over_all())
    await nc.waits.wait()

    await live.rest(True)
    nc.gate.set()
    await asyncio.sleep(0.05)

    assert not taking_over.done()
    assert live.served() == 0
    assert live._elsewhere == {}
    taking_over.cancel()


async def test_a_stop_ends_a_task_that_has_not_noticed_that_it_was_cancelled(live: Subscriptions) -> None:
    async def overhear_once() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.Event().wait()

    live._tasks = [asyncio.create_task(overhear_once())]
    await asyncio.sleep(0)

    async with asyncio.timeout(5):
        await live.stop()

    assert live._tasks[0].done()
