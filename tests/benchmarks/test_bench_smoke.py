"""The benchmark runs and reports; what it measures on a busy machine is not judged here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import report as documentation

REPOSITORY = Path(__file__).parents[2]
QUICK_ENGINES = ("lanes", "faust", "aiokafka")
EVENTS = 4_000


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("bench")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.run", "--quick"),
            *("--data", str(folder / "data"), "--report", str(folder / "bench.json")),
        ],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert (folder / "bench.svg").read_text().count("<polyline") >= 1
    found: dict[str, Any] = json.loads((folder / "bench.json").read_text())
    return found


@pytest.mark.slow
def test_every_engine_of_a_quick_run_has_done_all_its_events(report: dict[str, Any]) -> None:
    found = report["catch_up"]["5000"]

    assert set(found) == set(QUICK_ENGINES)
    for one in found.values():
        assert one["events"]["median"] >= EVENTS
        assert one["events_per_second"]["median"] > 0
        assert 0 < one["cpu_us_per_event"]["median"] < 10_000


@pytest.mark.slow
def test_an_open_loop_run_counts_every_event_behind_the_warm_up(report: dict[str, Any]) -> None:
    [run] = report["open_loop"]["lanes"]["200"]["runs"]

    visible = run["visible"]
    assert visible["samples"] == run["generator_late"]["samples"] == 300
    assert 0 < visible["p50"] <= visible["p95"] <= visible["p99"] <= visible["max"]
    assert run["kafka_append"]["p50"] <= visible["p99.9"]


@pytest.mark.slow
def test_the_page_can_be_written_from_the_report(report: dict[str, Any]) -> None:
    page = documentation.write(report, (REPOSITORY / documentation.PAGE).read_text())

    assert "lanes, one table" in page
    assert documentation.write(report, page) == page
