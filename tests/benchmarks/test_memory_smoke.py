"""The measurement of memory runs and reports; what a small number of persons needs is not judged here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.memory import Population
from domain.events import read_event

REPOSITORY = Path(__file__).parents[2]


def test_every_generated_event_is_one_that_the_domain_reads() -> None:
    population = Population(250)

    messages = list(population.messages(0, 250))

    assert len(messages) == 250
    for person_id, (subject, data) in zip(population.ids, messages, strict=True):
        event = read_event(data, subject=subject)
        assert (event.person_id, event.sequence, event.type) == (person_id, 1, "person.created")
    assert len({read_event(data).id for _, data in messages}) == 250


@pytest.mark.slow
def test_the_measurement_reports_memory_files_and_rates_of_each_phase(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.memory", "--persons", "500", "--seconds", "1"),
            *("--without-recovery", "--out", str(tmp_path / "memory.json")),
        ],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads((tmp_path / "memory.json").read_text())
    assert [phase["name"] for phase in report["phases"]] == ["catch up", "read", "change"]
    assert all(phase["rss"] > phase["anonymous"] > 0 and phase["open_files"] > 0 for phase in report["phases"])
    assert all(phase["rate"] > 0 and phase["errors"] == {} for phase in report["phases"])
    assert report["within_bound"]
