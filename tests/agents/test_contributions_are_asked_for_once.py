"""The git domain is asked about accounts without languages: for what happens now, and under an id that repetitions share."""

from __future__ import annotations

import asyncio
from typing import cast

import orjson
import pytest
from nats.aio.client import Client

from agents import request_analysis
from agents.live_position import LivePositions
from agents.request_analysis import RequestAnalysis
from domain.components.git_profile import GitProfileComponent
from domain.event_data.component import ComponentAdded
from domain.events import write_event
from domain.origin import MIGRATED
from domain.subjects import event_subject
from lanes.agent import Batch
from lanes.record import Record
from tests.agents.conftest import carried
from tests.domain.specification import ADA, admitted, recorded, uuid


class Floor:
    """A live position."""

    def __init__(self, floor: int) -> None:
        self._floor = floor

    async def floor(self, partition: int) -> int:
        return self._floor


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Subject and person of what was published."""
    found: list[tuple[str, str]] = []

    async def publish(nc: Client, subject: str, data: bytes, message_id: str) -> None:
        assert orjson.loads(data)["id"] == message_id
        found.append((message_id, orjson.loads(data)["data"]["component_id"]))

    monkeypatch.setattr(request_analysis, "publish_event", publish)
    return found


def added(sequence: int, **event: object) -> Record:
    profile = ComponentAdded(
        component_id=uuid(f"profile {sequence}"),
        component_type="GitProfile",
        component_data=admitted(GitProfileComponent, username="ada"),
    )
    told = recorded(profile, sequence, **event)
    subject = event_subject(told).replace(f".{ADA}", f".3.{ADA}")
    return carried("PERSON_EVENTS", subject, write_event(told), 100 + sequence, sequence)


async def test_only_what_happens_now_is_asked_for_and_twice_under_one_id(published: list[tuple[str, str]]) -> None:
    records = [
        added(1),
        added(2, actor="import:git"),
        added(3, context={MIGRATED: "OLD_EVENTS"}),
        added(4, actor="adapter:git"),
    ]
    agent = RequestAnalysis(Client(), cast(LivePositions, Floor(100)))

    for _ in range(2):
        await agent.committed(Batch(3, records, {}))

    assert [component for _, component in published] == [uuid("profile 1"), uuid("profile 4")] * 2
    assert len({message_id for message_id, _ in published}) == 2


async def test_events_that_are_read_again_ask_for_nothing(published: list[tuple[str, str]]) -> None:
    await RequestAnalysis(Client(), cast(LivePositions, Floor(200))).committed(Batch(3, [added(1)], {}))

    assert published == []


async def test_many_are_sent_in_groups_so_that_none_waits_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    on_their_way, most, sent = 0, 0, 0

    async def publish(nc: Client, subject: str, data: bytes, message_id: str) -> None:
        nonlocal on_their_way, most, sent
        on_their_way += 1
        most = max(most, on_their_way)
        await asyncio.sleep(0)
        on_their_way -= 1
        sent += 1

    monkeypatch.setattr(request_analysis, "publish_event", publish)
    monkeypatch.setattr(request_analysis, "AT_ONCE", 2)

    await RequestAnalysis(Client(), cast(LivePositions, Floor(0))).committed(
        Batch(3, [added(one) for one in range(1, 6)], {})
    )

    assert (sent, most) == (5, 2)
