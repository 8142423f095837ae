"""A short run of the harness with fixed seeds, and the proof that it finds what is lost when a guarantee is taken away."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.harness import Options, run
from tests.chaos.plan import Kind

SEED = 596
QUICK = frozenset(
    {
        Kind.KILL_WORKER,
        Kind.DELETE_DATA,
        Kind.KILL_NATS,
        Kind.KILL_KAFKA,
        Kind.CUT_NATS,
        Kind.CUT_KAFKA,
        Kind.HALF_OPEN_NATS,
    }
)
"""Faults from which this seed makes two short rounds that hit every part."""


# aiokafka forgets a connection that is reset while it is being opened; the harness reads through links that are cut on purpose.
@pytest.mark.filterwarnings(
    r"ignore:Exception ignored in. <function StreamWriter.__del__:pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.slow
def test_nothing_is_lost_or_repeated_when_workers_servers_and_links_fail(tmp_path: Path) -> None:
    told: list[str] = []

    found = run(Options(seed=SEED, rounds=2, data=tmp_path / "chaos", only=QUICK), told.append)

    assert found["clean"], "\n".join(told)
    assert found["rounds"] == 2
    assert set(found["faults"]) == {"delete_data", "half_open_nats", "kill_kafka", "kill_nats", "kill_worker"}
    assert min(found["accepted"], found["refused"], found["egress_records"]) > 0
    assert (found["lost"], found["duplicated"], found["out_of_order"], found["divergent"]) == (0, 0, 0, 0)


# aiokafka forgets a connection that is reset while it is being opened; the harness reads through links that are cut on purpose.
@pytest.mark.filterwarnings(
    r"ignore:Exception ignored in. <function StreamWriter.__del__:pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.slow
def test_the_harness_finds_the_loss_of_stock_commits_and_the_repetition_of_positions_stored_apart(
    tmp_path: Path,
) -> None:
    told: list[str] = []
    options = Options(
        seed=2,
        rounds=1,
        data=tmp_path / "chaos",
        only=frozenset({Kind.KILL_WORKER}),
        sabotage="commit_order,egress_position",
    )

    found = run(options, told.append)

    assert not found["clean"]
    assert any("get_outcome says not_found" in text for text in found["differences"]["lost"])
    assert any("times in the target" in text for text in found["differences"]["duplicated"])
    assert any("Run it again: make chaos SEED=2 ROUNDS=1" in text for text in told)
