"""The projection `activity`: since when a person is silent and what was reported of it, for as long as that matters."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from ops.client import CommandMessage, PersonClient, QueryFailed


async def test_the_row_follows_activity_and_ends_with_the_person(client: PersonClient) -> None:
    person_id = str(uuid.uuid4())

    async def send(verb: str, data: dict[str, Any], actor: str = "user:test") -> dict[str, Any]:
        outcome = await client.send(CommandMessage(f"person.commands.{verb}", data, person_id, actor=actor))
        assert outcome["status"] == "accepted", outcome
        return outcome

    async def row(outcome: dict[str, Any]) -> dict[str, Any]:
        asked = {"projection": "activity", "key": person_id, "min_position": outcome["position"]}
        [found] = (await client.query("get_projection", asked))["data"]
        assert found["position"] == outcome["position"]
        return dict(found)

    created = await row(await send("create", {"name": {"given_names": ["Ada"]}, "source": "test"}))
    assert (created["person_id"], created["status"], created["reported"]) == (person_id, "Active", 0)
    # What the system does by itself is no sign of life.
    skill = {"component_type": "Skill", "data": {"name": "Rust", "category": "Programming", "proficiency": "Expert"}}
    unmoved = await row(await send("component.add", skill, actor="job:test"))
    assert (unmoved["last_activity_at"], unmoved["sequence"]) == (created["last_activity_at"], 2)
    suspended = await row(await send("lifecycle.suspend", {"reason": "away"}))
    assert suspended["last_activity_at"] > created["last_activity_at"]
    assert suspended["status"] == "Suspended"
    ended = await send("lifecycle.archive", {"reason": "left"})
    with pytest.raises(QueryFailed, match="not_found"):
        await row(ended)
