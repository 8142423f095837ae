"""What the figures of the benchmark rest on: the same events for everybody, honest percentiles, targets that need what they compare."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from benchmarks import targets
from benchmarks.fold import fold_batch
from benchmarks.percentiles import in_milliseconds, percentile
from benchmarks.summary import middle_run, of_runs
from benchmarks.workload import EVENT_BYTES, FEW_KEYS, PARTITIONS, due_header, due_of, events


def test_every_event_has_the_same_size_and_counts_its_entity() -> None:
    versions: dict[bytes, int] = {}
    for event in itertools.islice(events(50), 1_000):
        body = json.loads(event.value)
        versions[event.key] = versions.get(event.key, 0) + 1
        assert len(event.value) == EVENT_BYTES
        assert body["version"] == versions[event.key]
        assert event.partition == int(event.key[:8]) % PARTITIONS


def test_two_generators_give_the_same_bytes() -> None:
    assert list(itertools.islice(events(FEW_KEYS), 100)) == list(itertools.islice(events(FEW_KEYS), 100))


def test_a_due_time_survives_its_header() -> None:
    _, value = due_header(1_764_000_000_123_456_789)
    assert due_of(value) == 1_764_000_000_123_456_789


def test_a_batch_folds_to_what_one_event_at_a_time_gives() -> None:
    records = [(event.key, event.value) for event in itertools.islice(events(20), 200)]
    stored: dict[bytes, bytes] = {}
    for record in records:
        stored.update(fold_batch([record], stored.get))

    assert dict(fold_batch(records, lambda _: None)) == stored
    assert fold_batch(records, stored.get) == []


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.95, 95), (0.99, 99), (0.999, 100), (1.0, 100)])
def test_percentiles_are_samples_by_nearest_rank(share: float, expected: int) -> None:
    assert percentile(range(1, 101), share) == expected


def test_latencies_are_told_in_milliseconds_with_their_number() -> None:
    assert in_milliseconds([2_000_000, 1_000_000]) == {
        "samples": 2,
        **{"p50": 1.0, "p95": 2.0, "p99": 2.0, "p99.9": 2.0, "max": 2.0},
    }
    assert in_milliseconds([]) == {"samples": 0}


def test_runs_become_median_and_range_figure_by_figure() -> None:
    runs = [{"rate": rate, "nested": {"cpu": rate * 2}} for rate in (3, 1, 2)]
    assert of_runs(runs) == {
        "rate": {"median": 2, "min": 1, "max": 3},
        "nested": {"cpu": {"median": 4, "min": 2, "max": 6}},
    }


def test_a_void_run_is_shown_only_when_there_is_no_other() -> None:
    def run(p95: float, *, valid: bool) -> dict[str, Any]:
        return {"valid": valid, "overloaded": False, "visible": {"p95": p95}}

    assert middle_run([run(9, valid=True), run(1, valid=False), run(5, valid=True)])["visible"]["p95"] == 5
    assert middle_run([run(1, valid=False)])["valid"] is False


def test_a_target_without_its_figures_is_neither_met_nor_missed() -> None:
    assert {(one.measured, one.met) for one in targets.check({})} == {(None, None)}


def test_targets_compare_medians_of_the_same_report() -> None:
    def pace(median: float) -> dict[str, Any]:
        return {"events_per_second": {"median": median}}

    report = {"catch_up": {"5000": {"lanes": pace(50_000), "faust": pace(1_000), "aiokafka": pace(100_000)}}}
    found = {one.target: one for one in targets.check(report)}

    assert found["one table, catching up: times faust"].met is True
    assert found["one table, catching up: times faust"].measured == 50
    assert found["one table, catching up: times aiokafka"].met is False
