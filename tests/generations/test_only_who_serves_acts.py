"""The register says who serves: two operators cannot change it at once, and an agent that acts is run in the terms of its generation only."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence

import pytest
from nats.aio.client import Client

from agents.generations import Generation, Held, Register, RegisterMovedError, change_register, read_register
from agents.serving import Role
from bridge.errors import BridgeError
from bridge.streams import ensure_stream
from config import streams
from config.settings import Settings
from lanes.agent import Batch, LaneAgent
from ops.installation import routes_of

FIRST = Generation(name="", app_id="x", partitions=4, declared_at="2026-01-01", declared_by="user:x")
GREEN = FIRST.model_copy(update={"name": "green", "app_id": "x-green"})
BOTH = Register(generations={"": FIRST, "green": GREEN})


class Noting(LaneAgent):
    """An agent that notes what is done with it."""

    name = "note"

    def __init__(self) -> None:
        self.noted: list[str] = []

    async def process(self, batch: Batch) -> None:
        self.noted.append("process")

    async def committed(self, batch: Batch) -> None:
        self.noted.append("committed")

    def forget(self, partition: int) -> None:
        self.noted.append(f"forget {partition}")


@pytest.fixture
async def installation(nc: Client) -> str:
    """The name of an installation that nobody has used yet, on streams that are there."""
    [positions] = [one for one in streams.streams(8, 1) if one["name"] == streams.POSITIONS]
    await ensure_stream(nc, positions)
    return f"t{uuid.uuid4().hex[:10]}"


def batch() -> Batch:
    return Batch(3, [], {})


async def cycle(agent: LaneAgent) -> None:
    one = batch()
    await agent.process(one)
    await agent.committed(one)


def carried(role: Role, settings: Settings) -> Sequence[str]:
    return [one.name for one in routes_of(settings) if role.carries(one)]


async def test_of_two_changes_of_one_register_the_second_is_refused(nc: Client, installation: str) -> None:
    held = await read_register(nc, installation)
    await change_register(nc, installation, held, BOTH)

    with pytest.raises(RegisterMovedError, match="somebody else"):
        await change_register(nc, installation, held, Register(serving="green"))
    assert (await read_register(nc, installation)).register == BOTH


async def test_without_a_register_the_first_generation_serves(nc: Client, installation: str) -> None:
    first, green = Role(nc, installation, ""), Role(nc, installation, "green")
    await first.begin(8)

    assert first.answers
    assert first.term.number == 1
    with pytest.raises(BridgeError, match="not declared"):
        await green.begin(8)


async def test_a_worker_with_another_number_of_partitions_is_refused(nc: Client, installation: str) -> None:
    await change_register(nc, installation, Held(Register(), 0), BOTH)

    with pytest.raises(BridgeError, match="has 4 partitions, PERSON_PARTITIONS says 8"):
        await Role(nc, installation, "green").begin(8)


@pytest.mark.parametrize("name", ["", "green"])
async def test_a_worker_of_a_generation_that_was_dropped_is_refused(nc: Client, installation: str, name: str) -> None:
    left = "green" if name == "" else ""
    register = Register(
        serving=left, generations={left: BOTH.generations[left]}, dropped={name: BOTH.generations[name]}
    )
    await change_register(nc, installation, Held(Register(), 0), register)

    with pytest.raises(BridgeError, match=f"generation {name or 'first'} was dropped.*PERSON_GENERATION"):
        await Role(nc, installation, name).begin(4)


async def test_an_agent_acts_while_its_generation_serves_and_forgets_between_two_terms(
    nc: Client, installation: str
) -> None:
    held = await change_register(nc, installation, Held(Register(), 0), BOTH)
    role, agent = Role(nc, installation, "green"), Noting()
    await role.begin(4)
    acting = role.while_acting(agent)

    await cycle(acting)
    assert agent.noted == []

    held = await change_register(nc, installation, held, BOTH.model_copy(update={"serving": "green", "term": 2}))
    await role.doubt()
    await cycle(acting)
    await cycle(acting)
    assert agent.noted == ["forget 3", "process", "committed", "process", "committed"]

    await change_register(nc, installation, held, BOTH.model_copy(update={"term": 3}))
    await role.doubt()
    await cycle(acting)
    assert len(agent.noted) == 5


async def test_a_cycle_that_began_while_standing_by_ends_so(nc: Client, installation: str) -> None:
    held = await change_register(nc, installation, Held(Register(), 0), BOTH)
    role, agent = Role(nc, installation, "green"), Noting()
    await role.begin(4)
    acting, one = role.while_acting(agent), batch()

    await acting.process(one)
    await change_register(nc, installation, held, BOTH.model_copy(update={"serving": "green", "term": 2}))
    await role.doubt()
    await acting.committed(one)

    assert agent.noted == []


async def test_who_does_not_know_its_role_does_nothing(installation: str) -> None:
    nobody = Role(Client(), installation, "")
    agent = Noting()

    with pytest.raises(BridgeError, match="could not be read"):
        await nobody.while_acting(agent).process(batch())
    assert agent.noted == []
    assert set(carried(nobody, Settings())) == {"events", "sagas"}


async def test_each_phase_of_a_switch_ends_routes_of_who_serves(nc: Client, installation: str) -> None:
    held = await change_register(nc, installation, Held(Register(), 0), BOTH)
    role = Role(nc, installation, "")
    settings = Settings(partitions=4)
    await role.begin(4)
    everything = {one.name for one in routes_of(settings)}
    expected = {
        "serving": everything,
        "settling": {"events", "sagas", "commands"},
        "draining": {"events", "sagas"},
        "stopped": {"events", "sagas"},
        "starting": {"events", "sagas"},
    }

    found = {}
    for phase in expected:
        held = await change_register(nc, installation, held, BOTH.model_copy(update={"phase": phase}))
        await role.doubt()
        found[phase] = set(carried(role, settings))
        assert (role.term.number == 0) == (phase in ("stopped", "starting"))

    assert found == expected


async def test_who_takes_over_acts_before_anybody_carries_work_to_it(nc: Client, installation: str) -> None:
    held = await change_register(nc, installation, Held(Register(), 0), BOTH)
    first, green = Role(nc, installation, ""), Role(nc, installation, "green")
    await first.begin(4)
    await green.begin(4)
    steps: list[dict[str, object]] = [
        {"phase": "stopped", "following": "green"},
        {"phase": "starting", "following": "green", "term": 2},
        {"phase": "serving", "following": None, "term": 2, "serving": "green"},
    ]

    found = []
    for changes in steps:
        held = await change_register(nc, installation, held, held.register.model_copy(update=changes))
        await first.doubt()
        await green.doubt()
        carry = "commands" in carried(green, Settings(partitions=4, generation="green"))
        found.append((first.term.number, green.term.number, carry))
        assert "commands" not in carried(first, Settings(partitions=4))

    assert found == [(0, 0, False), (0, 2, False), (0, 2, True)]


async def test_who_goes_on_after_a_switch_that_failed_acts_first_as_well(nc: Client, installation: str) -> None:
    held = await change_register(nc, installation, Held(Register(), 0), BOTH)
    first = Role(nc, installation, "")
    await first.begin(4)

    found = []
    for phase in ("stopped", "starting", "serving"):
        following = None if phase == "serving" else ""
        changed = held.register.model_copy(update={"phase": phase, "following": following})
        held = await change_register(nc, installation, held, changed)
        await first.doubt()
        found.append((first.term.number > 0, "commands" in carried(first, Settings(partitions=4))))

    assert found == [(False, False), (True, False), (True, True)]


async def test_a_change_is_done_when_all_who_were_told_are_through(nc: Client, installation: str) -> None:
    held = await change_register(nc, installation, Held(Register(), 0), BOTH)
    role = Role(nc, installation, "")
    gate = asyncio.Event()

    async def wait() -> None:
        await gate.wait()

    role.on_changed.append(wait)
    gate.set()
    await role.begin(4)
    await role.start()
    try:
        await through(role, held)

        gate.clear()
        held = await change_register(nc, installation, held, BOTH.model_copy(update={"phase": "draining"}))
        async with asyncio.timeout(60):
            while role.register.phase != "draining":  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert role.done < held.sequence

        gate.set()
        await through(role, held)
    finally:
        await role.stop()


async def test_a_lane_that_stops_while_a_change_is_taken_up_does_not_end_the_following(
    nc: Client, installation: str
) -> None:
    held = await change_register(nc, installation, Held(Register(), 0), BOTH)
    role = Role(nc, installation, "")
    told = []

    async def be_cut_off_once() -> None:
        told.append(1)
        if len(told) == 1:
            raise asyncio.CancelledError

    role.on_changed.append(be_cut_off_once)
    await role.begin(4)
    await role.start()
    try:
        await through(role, held)
        assert len(told) == 2
        role.begin_again()
        await through(role, held)
        assert len(told) == 3
    finally:
        await role.stop()


async def through(role: Role, held: Held) -> None:
    async with asyncio.timeout(60):
        while role.done < held.sequence:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
