"""A worker dies: its partitions go to the worker that holds their standby replicas, which replays what it lacks and serves."""

from __future__ import annotations

from pathlib import Path

import pytest
from faust.assignor.client_assignment import CopartitionedAssignment

from benchmarks.failover import Load, Team
from lanes.assignor import StandbyFirstAssignor
from local.stack import Endpoints

TOPICS = ("rows-changelog", "source")


async def test_a_standby_serves_soon_after_its_owner_died_and_replays_only_the_tail(
    servers: Endpoints, tmp_path: Path
) -> None:
    load = Load(rows=20_000, row_bytes=300, session_timeout_s=2.0)

    found = await Team(servers.kafka_bootstrap, tmp_path, load, lambda _line: None).measure()

    assert found["seconds_without_reads"] <= found["seconds_without_effect"] < 10
    # Probes that came since the last fetch of the standby, and markers of the fence.
    assert found["rows_replayed"] < 200


@pytest.mark.parametrize("workers", [2, 3, 4, 5])
@pytest.mark.parametrize("partitions", [4, 8, 12, 32])
def test_lost_partitions_go_to_workers_that_hold_them_as_standby(workers: int, partitions: int) -> None:
    for dying in range(workers):
        team = {number: CopartitionedAssignment(topics=set(TOPICS)) for number in range(workers)}
        assign(team, partitions)
        standbys = {number: set(held.standbys) for number, held in team.items()}
        lost = set(team.pop(dying).actives)
        kept = {number: set(held.actives) for number, held in team.items()}

        assign(team, partitions)

        assert all(held.actives - kept[number] <= standbys[number] for number, held in team.items())
        assert all(kept[number] <= held.actives for number, held in team.items())
        assert sum(len(held.actives) for held in team.values()) == partitions
        assert sum(len(held.standbys) for held in team.values()) == (partitions if workers > 2 else 0)
        assert lost <= set().union(*(held.actives for held in team.values()))


@pytest.mark.parametrize("workers", [2, 3, 5])
def test_a_worker_that_joins_gets_its_share(workers: int) -> None:
    team = {number: CopartitionedAssignment(topics=set(TOPICS)) for number in range(workers)}
    assign(team, 12)
    del team[0]
    assign(team, 12)
    team[0] = CopartitionedAssignment(topics=set(TOPICS))

    assign(team, 12)

    assert max(len(held.actives) for held in team.values()) <= -(-12 // workers)
    assert all(held.actives for held in team.values())


def test_a_worker_that_comes_back_before_the_group_missed_it_gets_its_share() -> None:
    team = {number: CopartitionedAssignment(topics=set(TOPICS)) for number in range(2)}
    assign(team, 8)
    team[0] = CopartitionedAssignment(topics=set(TOPICS))

    assign(team, 8)

    assert [len(held.actives) for held in team.values()] == [4, 4]


def assign(team: dict[int, CopartitionedAssignment], partitions: int) -> None:
    """One rebalance; each worker tells what it holds."""
    StandbyFirstAssignor(topics=TOPICS, cluster_asgn=team, num_partitions=partitions, replicas=1).get_assignment()
