"""SIGKILL of the servers while commands flow: workers ride it out without a restart, nothing is lost, nothing happens twice."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from local.stack import Stack
from ops.client import ClientError, CommandMessage, PersonClient
from ops.up import start_team
from ops.verification import read_all, verify
from tests.short_lived import kill_team, short_lived

PERSONS = 60
ROUNDS = 12


@pytest.mark.slow
async def test_nats_and_kafka_are_killed_and_restarted_while_commands_flow(tmp_path: Path) -> None:
    with short_lived(Stack(tmp_path / "stack")) as stack:
        team = start_team(stack.endpoints, 1, tmp_path)
        pid = team[0].process.pid
        try:
            async with PersonClient(stack.endpoints.nats_url) as client:
                ids = [f"019a0000-0000-7000-8000-{number:012x}" for number in range(PERSONS)]
                restarting = asyncio.create_task(_restart_servers(stack))
                accepted = await asyncio.gather(*(_live(client, person_id) for person_id in ids))
                await restarting
                verification = await verify(client)
                stored = await read_all(client.nc)
        finally:
            kill_team(team)

    assert team[0].process.pid == pid, "the worker was restarted"
    expected = {command_id for one in accepted for command_id in one}
    effects = [event.causationid for _, _, event in stored]
    assert len(expected) == PERSONS * (ROUNDS + 1)
    assert set(effects) == expected
    assert len(effects) == len(expected)
    assert (verification.differences, verification.lost, verification.duplicated) == ([], 0, 0)


async def _restart_servers(stack: Stack) -> None:
    await asyncio.sleep(1.0)
    await asyncio.to_thread(stack.kill_nats)
    await asyncio.to_thread(stack.start_nats)
    await asyncio.sleep(2.0)
    await asyncio.to_thread(stack.kill_kafka)
    await asyncio.to_thread(stack.start_kafka)


async def _live(client: PersonClient, person_id: str) -> list[str]:
    name = {"given_names": ["Restart"]}
    accepted = [
        await _certain(client, CommandMessage("person.commands.create", {"name": name, "source": "t"}, person_id))
    ]
    for number in range(ROUNDS):
        verb = "suspend" if number % 2 == 0 else "reactivate"
        command = CommandMessage(f"person.commands.lifecycle.{verb}", {"reason": "test"}, person_id)
        accepted.append(await _certain(client, command))
        await asyncio.sleep(0.5)
    return accepted


async def _certain(client: PersonClient, command: CommandMessage) -> str:
    """Send until the outcome is known, under one id: what a careful client does when the server goes away."""
    sent = command.with_id()
    while True:
        try:
            outcome = await client.send(sent, timeout_s=30)
        except ClientError:
            await asyncio.sleep(0.2)
            continue
        assert outcome["status"] == "accepted", outcome
        command_id: str = outcome["command_id"]
        return command_id
