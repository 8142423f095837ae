"""`person sagas` against a running installation, as an operator types it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from ops.client import CommandMessage, PersonClient

if TYPE_CHECKING:
    from tests.ops.conftest import Person, Ran

DOMAINS = ("organization", "location", "agent", "git", "identity")


async def parked_saga(client: PersonClient) -> tuple[str, str]:
    """A person whose archival one domain has rejected for good, and the saga that waits for an operator."""
    name = {"given_names": ["Operated"]}
    created = await client.send(CommandMessage("person.commands.create", {"name": name, "source": "test"}))
    person_id = created["person_id"]
    started = await client.send(
        CommandMessage("person.commands.saga.start", {"saga": "archival", "data": {"cause": "Archived"}}, person_id)
    )
    assert started["status"] == "accepted", started
    saga_id = started["target"]
    for domain in DOMAINS:
        answer = "rejected" if domain == "organization" else "person_released"
        data = {"signal": f"{domain}.{answer}", "data": {"person_id": person_id}}
        signal = CommandMessage("person.commands.saga.signal", data, person_id, target=saga_id)
        assert (await client.send(signal))["events"], domain
    return saga_id, person_id


async def eventually(run: Callable[..., Awaitable[Ran]], *arguments: str, shows: str) -> Ran:
    """What a verb prints once that is in it: a row is told a moment after the outcome of its command."""
    async with asyncio.timeout(60):
        while shows not in (ran := await run(*arguments)).out:
            assert ran.code == 0, ran.err
        return ran


async def test_an_operator_finds_a_parked_saga_retries_it_skips_a_step_and_gives_another_one_up(
    client: PersonClient, person: Person
) -> None:
    def run(*arguments: str) -> Awaitable[Ran]:
        return asyncio.to_thread(person, *arguments)

    saga_id, person_id = await parked_saga(client)

    listed = await eventually(run, "sagas", "list", "--parked", "--person", person_id, shows=saga_id)
    head, row = listed.out.strip().splitlines()
    assert head.split() == ["SAGA", "NAME", "STATUS", "STEP", "TRY", "UNCHANGED", "DUE", "PERSON", "WHY"]
    assert row.split()[:5] == [saga_id, "archival", "Failed", "(parked)", "release_identity"]
    old = await run("sagas", "list", "--older-than", "1d", "--person", person_id)
    assert old.out.strip() == "no saga"

    shown = (await run("sagas", "show", saga_id)).out
    assert "status     Failed (parked)" in shown
    assert "unreached  release_organization" in shown

    refused = await run("sagas", "compensate", saga_id, "--reason", "too late")
    assert (refused.code, refused.out.split()[1:3]) == (1, ["refused:", "saga_transition:"])

    retried = await run("sagas", "retry", saga_id, "--reason", "asked them", "--actor", "hr:h-1", "--json")
    assert retried.code == 0
    assert retried.json["data"][0]["target"] == saga_id
    skipped = await run("sagas", "skip", saga_id, "release_organization", "--reason", "done by hand")
    assert (skipped.code, "skipped, version" in skipped.out) == (0, True)

    await eventually(run, "sagas", "show", saga_id, shows="Completed")
    saga = (await run("sagas", "show", saga_id, "--json")).json["data"]
    assert (saga["status"], saga["parked"], saga["round"]) == ("Completed", False, 2)
    told = {entry["event"]: entry["data"] for entry in saga["history"]}
    assert (told["retried"]["by"], told["retried"]["reason"]) == ("hr:h-1", "asked them")
    assert (told["skipped"]["by"], told["skipped"]["step"]) == ("user:cli", "release_organization")

    other, _ = await parked_saga(client)
    aborted = await run("sagas", "abort", other, "--reason", "settled by hand", "--yes")
    assert "aborted, version" in aborted.out
    await eventually(run, "sagas", "show", other, shows="Failed (abandoned)")
    assert (await run("sagas", "retry", other, "--reason", "again")).code == 1


def test_a_saga_that_is_not_there_is_named(person: Person) -> None:
    unknown = "0190c8a2-7b1e-7c3d-9a4f-1b2c3d4e5f60"

    ran = person("sagas", "retry", unknown, "--reason", "x")
    assert (ran.code, ran.out.strip()) == (1, f"{unknown}  refused: saga_not_found: unknown saga")
    shown = person("sagas", "show", unknown)
    assert (shown.code, "not_found: no such saga" in shown.err) == (1, True)
