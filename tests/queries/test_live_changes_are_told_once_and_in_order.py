"""A subscriber gets the rows that match, and then every change of them, whatever happens to the workers."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from nats.aio.client import Client

from ops.client import CommandMessage, PersonClient, QueryFailed
from ops.watching import Watch
from ops.workers import Worker
from queries.asking import Asking, KnownOwners
from queries.outflow import Outflows
from queries.subscriptions.endpoint import Subscribe
from queries.subscriptions.subscriptions import Subscriptions, subject_of

pytestmark = pytest.mark.slow


class Follower:
    """Reads a watch in the background and keeps what it was told."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.told: list[dict[str, Any]] = []
        self._moved = asyncio.Event()

    async def run(self) -> None:
        async for message in self.watch.messages():
            self.told.append(message)
            self._moved.set()

    async def until(self, condition: Callable[[], bool], timeout_s: float = 20) -> None:
        async with asyncio.timeout(timeout_s):
            while not condition():
                self._moved.clear()
                await self._moved.wait()

    async def until_level(self) -> None:
        await self.until(lambda: "caught_up" in self.ops())

    async def until_named(self, names: Mapping[str, str], timeout_s: float = 20) -> None:
        await self.until(lambda: names.items() <= self.names.items(), timeout_s)

    @property
    def names(self) -> dict[str, Any]:
        return {person_id: row["display_name"] for person_id, row in self.rows.items()}

    def ops(self, person_id: str | None = None) -> list[str]:
        return [one["op"] for one in self.told if person_id is None or one.get("person_id") == person_id]

    @property
    def rows(self) -> dict[str, dict[str, Any]]:
        """The rows that the reader holds now."""
        held: dict[str, dict[str, Any]] = {}
        for one in self.told:
            if one["op"] in ("snapshot", "upsert"):
                held[one["person_id"]] = one["row"]
            elif one["op"] == "delete":
                held.pop(one["person_id"], None)
        return held


@contextlib.asynccontextmanager
async def following(*watches: Watch) -> AsyncIterator[list[Follower]]:
    followers = [Follower(watch) for watch in watches]
    tasks = [asyncio.create_task(one.run()) for one in followers]
    try:
        yield followers
    finally:
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(result, asyncio.CancelledError), result


async def sent(client: PersonClient, kind: str, person_id: str | None, **data: Any) -> Any:
    outcome = await client.send(CommandMessage(f"person.commands.{kind}", data, person_id), timeout_s=60)
    assert outcome["status"] == "accepted", outcome
    return outcome


async def tagged(client: PersonClient, label: str) -> str:
    """A person that nobody else's filter finds."""
    outcome = await sent(client, "create", None, name={"given_names": ["Live"]}, source="test")
    person_id: str = outcome["person_id"]
    added = await sent(client, "component.add", person_id, component_type="Tag", data={"label": label})
    # Visible, so that it belongs to the snapshot of who subscribes now.
    await client.query("get_by_id", {"person_id": person_id, "min_position": added["position"]}, timeout_ms=9000)
    return person_id


async def rename(client: PersonClient, person_id: str, name: str) -> Any:
    return await sent(client, "update", person_id, name={"given_names": [name]})


async def test_a_subscriber_holds_the_rows_that_match_at_any_time(client: PersonClient) -> None:
    label = f"live {uuid.uuid4().hex}"
    first, second = await tagged(client, label), await tagged(client, label)

    async with following(
        Watch(client, "summary", {"tag": label}),
        Watch(client, "search", {"tag": label}),
        Watch(client, "skills", {"tag": label}),
    ) as followers:
        for one in followers:
            await one.until_level()
        summary, search, skills = followers
        assert sorted(summary.ops()) == ["caught_up", "snapshot", "snapshot"]
        assert summary.ops()[-1] == "caught_up"
        assert skills.ops() == ["caught_up"]

        await rename(client, first, "Renamed")
        third = await tagged(client, label)
        await sent(client, "lifecycle.suspend", second, reason="test")
        skill = {"name": "Live", "category": "Technical", "proficiency": "Expert"}
        await sent(client, "component.add", first, component_type="Skill", data=skill)
        await sent(client, "lifecycle.reactivate", second, reason="test")
        await rename(client, second, "Last")
        for one in (summary, search):
            await one.until_named({second: "Last"})
        await skills.until(lambda: first in skills.rows)

        assert {row["display_name"] for row in summary.rows.values()} == {"Renamed", "Live", "Last"}
        assert search.rows.keys() == {first, second, third}
        assert summary.ops(second)[:3] == ["snapshot", "delete", "upsert"]
        assert search.ops(second)[:3] == ["snapshot", "delete", "upsert"]
        for one in followers:
            for person_id in (first, second, third):
                sequences = [told["sequence"] for told in one.told if told.get("person_id") == person_id]
                assert sequences == sorted(set(sequences))
            assert one.watch.repetitions == 0
        places = summary.watch.positions
        known = {told["person_id"]: told["sequence"] for told in summary.told if "sequence" in told}

    await rename(client, third, "While Away")
    await sent(client, "lifecycle.suspend", second, reason="test")
    async with following(Watch(client, "summary", {"tag": label}, positions=places)) as [resumed]:
        await resumed.until_level()
        assert "snapshot" not in resumed.ops()
        await resumed.until(lambda: "delete" in resumed.ops(second))
        # A row that has not changed may be told again; its sequence says so.
        news = [one for one in resumed.told if "sequence" in one and one["sequence"] > known[one["person_id"]]]
        assert [(one["op"], one["person_id"]) for one in news if one["person_id"] != second] == [("upsert", third)]
        assert [one["row"]["display_name"] for one in news if one["op"] == "upsert"] == ["While Away"]
        assert resumed.ops(second)[-1] == "delete"


async def test_every_change_is_told_once_and_in_order_while_a_worker_dies(
    client: PersonClient, team: list[Worker]
) -> None:
    label = f"killed {uuid.uuid4().hex}"
    persons = list(await asyncio.gather(*(tagged(client, label) for _ in range(16))))
    watches = [Watch(client, "summary", {"tag": label}, window=4) for _ in range(6)]

    async with following(*watches) as followers:
        for one in followers:
            await one.until_level()

        async def write(number: int, person_id: str) -> None:
            for name in "abcdef":
                await rename(client, person_id, f"{name}{'x' * number}")

        writing = asyncio.gather(*(write(number, person_id) for number, person_id in enumerate(persons)))
        await followers[0].until(lambda: len(followers[0].ops()) > 40)
        team[0].process.kill()
        try:
            await writing
            wanted = {person_id: f"f{'x' * number}" for number, person_id in enumerate(persons)}
            for one in followers:
                await one.until_named(wanted, 60)
                assert one.names == wanted
        finally:
            team[0].start()
            await asyncio.to_thread(team[0].await_ready)

        for one in followers:
            assert "lagged" not in one.ops()
            for person_id in persons:
                told = [message for message in one.told if message.get("person_id") == person_id]
                sequences = [message["sequence"] for message in told]
                # A name is one event: sequences 1 and 2 make the person, 3 to 8 rename it.
                assert sequences[0] == 2
                assert sequences == sorted(set(sequences))
                assert sequences[-1] == 8


async def test_a_subscription_is_renewed_by_its_id_and_for_the_same_rows_only(client: PersonClient) -> None:
    subscription_id = str(uuid.uuid4())
    listening = await client.nc.subscribe(subject_of(subscription_id))
    asked = {"projection": "summary", "filter": {"tag": subscription_id}, "subscription_id": subscription_id}

    begun = await client.query("subscribe", asked)
    assert begun["data"]["subject"] == subject_of(subscription_id)
    assert begun["data"]["lease_s"] == 60
    assert {one["partition"] for one in begun["data"]["position"]} == set(range(8))
    assert orjson.loads((await listening.next_msg(timeout=30)).data)["op"] == "caught_up"
    for _ in range(4):
        await client.query("subscribe", asked)
    with pytest.raises(QueryFailed) as refused:
        await client.query("subscribe", {**asked, "projection": "search"})

    assert (refused.value.code, refused.value.facts["field"]) == ("invalid_query", "subscription_id")
    assert listening.pending_msgs == 0
    await listening.unsubscribe()


async def test_a_reader_that_leaves_its_window_closed_is_told_where_it_lagged(client: PersonClient, nc: Client) -> None:
    label = f"lagged {uuid.uuid4().hex}"
    for _ in range(3):
        await tagged(client, label)
    outflows = Outflows(nc, patience_s=0.5)
    nobody: Any = SimpleNamespace(partitions=8, owned=frozenset)
    here: Any = None

    def asking(timeout_s: float | None, window: int | None = None) -> Asking:
        return Asking(nc, nobody, here, live, KnownOwners(), app_id="person", timeout_s=timeout_s, window=window)

    live = Subscriptions(nc, outflows, asking, app_id="person")
    await outflows.start()
    await live.start()
    try:
        subscription_id = str(uuid.uuid4())
        listening = await nc.subscribe(subject_of(subscription_id))
        query = Subscribe.model_validate(
            {"projection": "summary", "filter": {"tag": label}, "subscription_id": subscription_id}
        )
        await live.subscribe(asking(5, window=2), query)
        messages = [orjson.loads((await listening.next_msg(timeout=10)).data) for _ in range(3)]
        assert [one["op"] for one in messages] == ["snapshot", "snapshot", "lagged"]
        assert messages[-1]["position"] == []
        assert live.served() == 0
    finally:
        await live.stop()
        await outflows.stop()
