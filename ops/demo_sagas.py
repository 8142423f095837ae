"""The processes of the demo: onboardings through simulated neighbours, one of them cancelled, an archival and a welcome by policies, and skills
that the git neighbour finds."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import uuid_utils

from ops.client import ClientError, CommandMessage, PersonClient, QueryFailed

ONBOARDINGS = 6
EVERY_S = 0.7
"""So that some are under way when the worker is killed."""
PATIENCE_S = 45.0
LOOK_EVERY_S = 0.2
ACTOR = "user:demo"
ENDED = ("Completed", "Compensated", "Failed")

Row = Mapping[str, Any]


async def play(client: PersonClient) -> dict[str, Any]:
    """Start them one after the other and follow each to its end; raises ClientError when one does not end in time."""
    *onboarded, archived, developer = [str(uuid_utils.uuid7()) for _ in range(ONBOARDINGS + 2)]
    begun = time.monotonic()
    skills = asyncio.create_task(_analyze(client, developer))
    ends = await asyncio.gather(
        *(_onboard(client, number, person_id, cancel=number == 0) for number, person_id in enumerate(onboarded)),
        _archive(client, archived),
    )
    found = await skills
    seconds = round(time.monotonic() - begun, 1)
    counts = Counter(f"{saga['saga']} {saga['status']}" for saga in ends)
    return {
        "sagas": dict(sorted(counts.items())),
        "as_expected": _as_expected(ends),
        "seconds": seconds,
        "skills_found": found,
        "policies": await _fired(client),
        "cancelled": _story(ends[0]),
    }


def _as_expected(ends: Sequence[Row]) -> bool:
    """The cancelled one is undone, all others are completed."""
    return [saga["status"] for saga in ends] == ["Compensated"] + ["Completed"] * ONBOARDINGS


async def _onboard(client: PersonClient, number: int, person_id: str, *, cancel: bool) -> Row:
    await asyncio.sleep(number * EVERY_S)
    name = {"given_names": ["Newcomer"]}
    await _send(client, person_id, "create", {"name": name, "source": "demo", "onboarding": True})
    # Identity and location are asked of the neighbours; what follows is asked of people.
    await _saga(client, "onboarding", person_id, lambda saga: "LocationStep" in saga["done"])
    email = {"email": {"address": "newcomer@example.org"}, "email_type": "Work"}
    phone = {"phone": {"number": "020 7183 8751", "country_calling_code": "44"}}
    await _send(client, person_id, "onboarding.provide_basic_info", {"email": email, "phone": phone})
    if cancel:
        saga = await _saga(client, "onboarding", person_id, lambda saga: "BasicInfoStep" in saga["done"])
        message = CommandMessage(
            "person.commands.saga.cancel", {"reason": "a change of mind"}, person_id, ACTOR, target=saga["saga_id"]
        )
        await client.send(message, timeout_s=PATIENCE_S)
    else:
        await _send(client, person_id, "onboarding.provide_components", {"components": []})
    return await _saga(client, "onboarding", person_id, lambda saga: saga["status"] in ENDED)


async def _archive(client: PersonClient, person_id: str) -> Row:
    await _send(client, person_id, "create", {"name": {"given_names": ["Leaver"]}, "source": "demo"})
    await _send(client, person_id, "lifecycle.archive", {"reason": "left"})
    return await _saga(client, "archival", person_id, lambda saga: saga["status"] in ENDED)


async def _analyze(client: PersonClient, person_id: str) -> list[str]:
    """Names of the skills that follow from a Git profile of which nothing but the account is known."""
    await _send(client, person_id, "create", {"name": {"given_names": ["Developer"]}, "source": "demo"})
    profile = {"component_type": "GitProfile", "data": {"provider": "GitHub", "username": "developer"}}
    await _send(client, person_id, "component.add", profile)
    row = await _until(
        client,
        "get_skills",
        {"person_id": person_id},
        lambda row: bool(row["skills"]),
        "the Git profile is not analysed",
    )
    return sorted(skill["name"] for skill in row["skills"])


async def _send(client: PersonClient, person_id: str, verb: str, data: Mapping[str, Any]) -> None:
    message = CommandMessage(f"person.commands.{verb}", data, person_id, actor=ACTOR)
    outcome = await client.send(message, timeout_s=PATIENCE_S)
    if outcome["status"] != "accepted":
        raise ClientError(f"{verb} was {outcome['status']}: {outcome.get('code')} {outcome.get('reason', '')}")


async def _saga(client: PersonClient, saga: str, person_id: str, holds: Callable[[Row], bool]) -> Row:
    """The saga of a person once something holds of it."""
    return await _until(
        client, "get_saga", {"saga": saga, "person_id": person_id}, holds, f"saga {saga} of {person_id} does not get on"
    )


async def _until(client: PersonClient, endpoint: str, request: Row, holds: Callable[[Row], bool], else_: str) -> Row:
    """The answer of a query once something holds of it; while a worker is missing, nobody may answer. Raises ClientError."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            found: Row = (await client.query(endpoint, request))["data"]
        except (QueryFailed, ClientError):
            found = {}
        if found and holds(found):
            return found
        await asyncio.sleep(LOOK_EVERY_S)
    raise ClientError(f"{else_} within {PATIENCE_S:g} s")


async def _fired(client: PersonClient) -> dict[str, int]:
    """Policies that have fired, and how often."""
    rows = (await client.query("list_rules", {}, timeout_ms=5000))["data"]
    fired = {f"{row['policy_id']}@{row['version']}": row["counters"].get("fired", 0) for row in rows}
    return {name: count for name, count in fired.items() if count}


def _story(saga: Row) -> list[str]:
    """What happened to a saga, a line each."""
    return [f"{entry['event']} {(entry.get('data') or {}).get('step', '')}".strip() for entry in saga["history"]]
