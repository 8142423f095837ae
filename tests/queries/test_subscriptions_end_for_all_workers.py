"""A subscription that is over, because its reader is slow or does not renew it, is over for all workers: nobody takes it over."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from nats.aio.client import Client
from nats.aio.subscription import Subscription

from ops.client import CommandMessage, PersonClient
from queries.asking import Asking, KnownOwners
from queries.endpoint import Ask
from queries.frame import Position, QueryError
from queries.outflow import Outflows
from queries.subscriptions import subscriptions
from queries.subscriptions.endpoint import Subscribe
from queries.subscriptions.subscriptions import Subscriptions, subject_of

pytestmark = pytest.mark.slow


class Pair:
    """The subscriptions of two workers, who own nothing and know each other; the owners are the team."""

    def __init__(self, nc: Client) -> None:
        self.nc = nc
        self.outflows = [Outflows(nc, patience_s=0.5), Outflows(nc, patience_s=0.5)]
        name = uuid.uuid4().hex
        self.serving, self.other = [Subscriptions(nc, one, self.asking, app_id=name) for one in self.outflows]
        self.subscription_id = str(uuid.uuid4())
        self.query = Subscribe.model_validate(
            {"projection": "summary", "filter": {"tag": name}, "subscription_id": self.subscription_id}
        )
        self.label = name

    def asking(self, timeout_s: float | None, window: int | None = None) -> Ask:
        nobody: Any = SimpleNamespace(partitions=8, owned=frozenset)
        none: Any = None
        return Asking(
            self.nc, nobody, none, self.serving, KnownOwners(), app_id="person", timeout_s=timeout_s, window=window
        )

    async def subscribed(self, window: int | None = None) -> Subscription:
        """Subscribe at the first worker; returns when the second one has heard of it."""
        listening = await self.nc.subscribe(subject_of(self.subscription_id))
        await self.serving.subscribe(self.asking(5, window=window), self.query)
        await until(lambda: self.subscription_id in self.other._elsewhere)
        return listening


async def until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not reached():  # noqa: ASYNC110  # workers tell nobody when a subscription is over
            await asyncio.sleep(0.01)


@pytest.fixture
async def pair(client: PersonClient, nc: Client, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pair]:
    monkeypatch.setattr(subscriptions, "ANNOUNCED_S", 0.05)
    monkeypatch.setattr(subscriptions, "SILENT_S", 0.5)
    two = Pair(nc)
    both = two.serving, two.other
    await asyncio.gather(*(one.start() for one in two.outflows), *(one.start() for one in both))
    try:
        yield two
    finally:
        await asyncio.gather(*(one.stop() for one in both))
        await asyncio.gather(*(one.stop() for one in two.outflows))


async def test_a_subscription_whose_reader_was_too_slow_stays_over(client: PersonClient, pair: Pair) -> None:
    for _ in range(3):
        create = {"name": {"given_names": ["Slow"]}, "source": "test"}
        made = await client.send(CommandMessage("person.commands.create", create), timeout_s=30)
        tag = {"component_type": "Tag", "data": {"label": pair.label}}
        await client.send(CommandMessage("person.commands.component.add", tag, made["person_id"]), timeout_s=30)
    listening = await pair.subscribed(window=2)

    messages = [orjson.loads((await listening.next_msg(timeout=10)).data) for _ in range(3)]
    await until(lambda: pair.subscription_id not in pair.other._elsewhere)

    assert [one["op"] for one in messages] == ["snapshot", "snapshot", "lagged"]
    assert (pair.serving.served(), pair.other.served()) == (0, 0)
    assert listening.pending_msgs == 0


async def test_a_subscription_that_nobody_renews_ends_with_its_lease(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "LEASE_S", 2.0)
    listening = await pair.subscribed()
    assert orjson.loads((await listening.next_msg(timeout=10)).data)["op"] == "caught_up"
    before = pair.serving._served[pair.subscription_id].until
    await pair.serving.subscribe(pair.asking(5), pair.query)
    assert pair.serving._served[pair.subscription_id].until > before

    await until(lambda: pair.serving.served() == 0)
    await until(lambda: pair.subscription_id not in pair.other._elsewhere)
    assert pair.other.served() == 0


async def test_a_reader_is_told_from_where_it_goes_on_with_another_generation(pair: Pair) -> None:
    listening = await pair.subscribed()
    level = orjson.loads((await listening.next_msg(timeout=10)).data)
    before = {one["partition"]: one["stream_sequence"] for one in level["position"]}

    await pair.serving.rest(True, 3)

    told = orjson.loads((await listening.next_msg(timeout=10)).data)
    lowest = min(before.values())
    assert (level["op"], told["op"], told["n"]) == ("caught_up", "lagged", 1)
    assert [(one["partition"], one["stream_sequence"] >= lowest) for one in told["position"]] == [
        (0, True),
        (1, True),
        (2, True),
    ]


async def test_places_of_another_number_of_partitions_are_refused(pair: Pair) -> None:
    query = pair.query.model_copy(update={"from_": tuple(Position(partition=n, stream_sequence=5) for n in range(3))})

    with pytest.raises(QueryError, match="one place for each of 8 partitions") as refused:
        await pair.serving.subscribe(pair.asking(5), query)

    assert refused.value.facts == {"field": "from", "rule": "partitions", "partitions": 8}
    assert pair.serving.served() == 0
