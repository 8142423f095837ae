"""A round is a function of its seed, so that a failing one can be run again."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
import pytest

from domain.commands import read_command
from domain.refusals import Refused
from ops.client import CommandMessage
from tests.chaos.load import commands
from tests.chaos.plan import CLUSTER, OF_KAFKA, OF_NATS, SINGLE, Kind, plan_round


@pytest.mark.parametrize("possible", [SINGLE, CLUSTER], ids=["single", "cluster"])
def test_a_seed_gives_the_same_faults_and_every_possible_fault_comes_up(possible: frozenset[Kind]) -> None:
    plans = [plan_round(seed, possible) for seed in range(200)]

    assert plans == [plan_round(seed, set(possible)) for seed in range(200)]
    assert {fault.kind for plan in plans for fault in plan.faults} == possible
    for plan in plans:
        victims = [fault.victim for fault in plan.faults]
        assert len(victims) == len(set(victims)) in (1, 2, 3)
        assert all(fault.healed_at_s < plan.load_s for fault in plan.faults)


def test_few_possible_faults_make_a_plan_with_as_many_victims_as_there_are() -> None:
    for seed in range(50):
        assert len(plan_round(seed, {Kind.KILL_NATS}).faults) == 1
        assert len(plan_round(seed, {Kind.PAUSE_WORKER}).faults) <= 2


def test_a_cluster_loses_at_most_one_server_of_a_kind_at_a_time() -> None:
    for seed in range(200):
        kinds = [fault.kind for fault in plan_round(seed, CLUSTER).faults]
        assert sum(kind in OF_NATS for kind in kinds) <= 1
        assert sum(kind in OF_KAFKA for kind in kinds) <= 1


def test_a_seed_gives_the_same_commands_and_a_shorter_load_is_the_beginning_of_a_longer_one() -> None:
    longer = commands(7, per_s=100, seconds=6)

    assert longer[:300] == commands(7, per_s=100, seconds=3)
    assert {one.message.person_id for one in longer}.isdisjoint(
        one.message.person_id for one in commands(8, per_s=100, seconds=6)
    )


def test_nearly_all_commands_of_a_load_can_be_read() -> None:
    load = commands(7, per_s=100, seconds=20)
    refusals = [code for one in load if (code := _refusal(one.message.with_id())) is not None]

    assert set(refusals) == {"invalid_command"}
    assert len(refusals) < len(load) // 10


def _refusal(message: CommandMessage) -> str | None:
    try:
        read_command(orjson.dumps(message.envelope()), subject=message.type, stored_at=datetime.now(UTC))
    except Refused as refused:
        return refused.code
    return None
