"""A short run of the trial: every saga ends as its faults allow, and its checks find what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.processes.trial import Options, run


@pytest.mark.slow
@pytest.mark.timeout(110)
def test_every_saga_ends_as_the_faults_of_the_neighbours_allow(tmp_path: Path) -> None:
    told: list[str] = []
    options = Options(
        onboardings=24, seed=5, data=tmp_path / "sagas", per_s=20, unit_s=4, kill_every_s=None, outage_sagas=3
    )

    report = run(options, told.append)

    assert report["clean"], "\n".join([*told, *report["violations"], *report["half_changed"]])
    assert report["hanging"] == report["half_changed_persons"] == 0
    assert report["completion_of_recoverable"] == 1.0
    assert report["completed"] > 20
    assert min(report["compensated"], report["neighbours"].get("silence", 0)) > 0
    assert report["outage"]["due_while_down"] == report["outage"]["fired_once"] == 3
