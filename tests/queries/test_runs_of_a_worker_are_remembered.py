"""A data folder knows how often a worker was started on it and which of its runs ended without a stop."""

from __future__ import annotations

from pathlib import Path

from queries.status.life import KEPT, WorkerLife


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def _begun(folder: Path, clock: Clock) -> WorkerLife:
    life = WorkerLife(folder, clock=clock)
    life.begin()
    return life


def test_a_run_that_was_killed_is_told_from_one_that_stopped(tmp_path: Path) -> None:
    clock = Clock(1_000_000.0)
    for stops in (True, False, True):
        life = _begun(tmp_path, clock)
        clock.now += 60
        if stops:
            life.end()
    life = _begun(tmp_path, clock)
    clock.now += 5

    told = life.told()
    assert (told["starts"], told["starts_of_last_hour"], told["killed_in_last_hour"]) == (4, 4, 1)
    assert told["uptime_seconds"] == 5
    assert told["started_at"] == "1970-01-12T13:49:40+00:00"


def test_runs_of_before_the_last_hour_are_not_recent_and_few_are_kept(tmp_path: Path) -> None:
    clock = Clock(0.0)
    for _ in range(3 * KEPT):
        _begun(tmp_path, clock)
        clock.now += 3600

    told = _begun(tmp_path, clock).told()
    assert (told["starts"], told["starts_of_last_hour"]) == (3 * KEPT + 1, 2)
    assert (tmp_path / "runs.json").stat().st_size < 2000


def test_a_damaged_file_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "runs.json").write_text('{"starts": "many"')

    assert _begun(tmp_path, Clock(0.0)).told()["starts"] == 1
