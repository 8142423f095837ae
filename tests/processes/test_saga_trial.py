"""A short run of the trial: every saga ends as its faults allow, and its checks find what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.processes.trial import Options, run

SEED = 88
"""Among its few cases: a neighbour that refuses, one that says nothing, lost and late answers, a cancelled onboarding, syncs that are undone."""


@pytest.mark.slow
def test_every_saga_ends_as_the_faults_of_the_neighbours_allow(tmp_path: Path) -> None:
    told: list[str] = []
    options = Options(
        onboardings=24, seed=SEED, data=tmp_path / "sagas", per_s=20, unit_s=4, kill_every_s=None, outage_sagas=0
    )

    report = run(options, told.append)

    assert report["clean"], "\n".join([*told, *report["violations"], *report["half_changed"]])
    assert report["hanging"] == report["half_changed_persons"] == 0
    assert report["completion_of_recoverable"] == 1.0
    assert report["by_saga"] == {
        "archival/completed": 1,
        "cross_domain_sync/compensated": 2,
        "cross_domain_sync/completed": 4,
        "erasure/completed": 1,
        "inactivity/completed": 1,
        "merge/completed": 1,
        "onboarding/compensated": 2,
        "onboarding/completed": 22,
    }
    assert min(report["neighbours"][what] for what in ("lose", "refuse", "silence", "stall")) > 0
