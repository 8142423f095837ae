"""What a client does is in the metrics of the workers: its commands by outcome, its events by type, its questions, and how long each took."""

from __future__ import annotations

import asyncio
import time
import urllib.request
from collections import defaultdict
from collections.abc import Mapping
from types import SimpleNamespace

from prometheus_client.parser import text_string_to_metric_families

from lanes.distribution import Distribution
from ops.client import CommandMessage, PersonClient
from ops.workers import Worker
from queries.histograms import histogram
from queries.lane_metrics import of_lag
from queries.metrics import WorkerMetrics

NAME = {"given_names": ["Measured"], "family_names": ["Person"]}
BUDGET_S = 20.0


def told(team: list[Worker]) -> defaultdict[str, float]:
    """The sums over all workers of every sample, by name and values of its labels in their order, without partition and bound."""
    found: defaultdict[str, float] = defaultdict(float)
    for worker in team:
        with urllib.request.urlopen(f"http://127.0.0.1:{worker.port}/metrics", timeout=30) as reply:
            text = reply.read().decode()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labels = [value for name, value in sorted(sample.labels.items()) if name not in ("partition", "le")]
                found[" ".join([sample.name, *filter(None, labels)])] += sample.value
    return found


async def test_commands_events_and_questions_are_counted_and_timed(client: PersonClient, team: list[Worker]) -> None:
    before = await asyncio.to_thread(told, team)
    created = await client.send(CommandMessage("person.commands.create", {"name": NAME, "source": "test"}))
    person_id = created["person_id"]
    await client.send(CommandMessage("person.commands.lifecycle.reactivate", {"reason": "test"}, person_id))
    await client.query("get_by_id", {"person_id": person_id, "min_position": created["position"]})
    # Others use the same workers, so at least.
    at_least = {
        "person_commands_decided_total person.commands.create accepted": 1,
        "person_events_applied_total person.created": 1,
        "person_event_visible_seconds_count": 1,
        "person_command_decided_seconds_count": 2,
        "person_queries_answered_total ok get_by_id": 1,
        "person_query_seconds_count get_by_id": 1,
        "person_lane_cycle_seconds_count person.commands": 2,
        "person_lane_commit_seconds_count person.events": 1,
        "person_lane_cycle_records_sum person.events": 1,
    }
    # Partitions may still be on their way from a test before.
    exactly = {
        "person_owned_partitions": 8,
        "person_partitions": 16,
        "person_nats_connected": 2,
        "person_route_carrying events": 8,
    }
    deadline = time.monotonic() + BUDGET_S
    while True:
        now = await asyncio.to_thread(told, team)
        missing = _missing(now, before, at_least) + [name for name, value in exactly.items() if now[name] != value]
        if not missing:
            break
        assert time.monotonic() < deadline, missing
        await asyncio.sleep(0.1)

    refused = [name for name in now if name.endswith("person.commands.lifecycle.reactivate refused")]
    assert sum(now[name] - before[name] for name in refused) >= 1
    assert now["person_table_memory_bytes"] > 0
    assert now["process_open_fds"] > 20
    assert "Measured" not in " ".join(now)
    assert person_id not in " ".join(now)


def test_lag_counts_what_is_unfinished_and_what_lies_behind_it_in_the_log() -> None:
    now_ms = int(time.time() * 1000)
    stuck = SimpleNamespace(topic="t", partition=0, unfinished=3, expected_offset=10, oldest_ms=now_ms - 60_000)
    ahead = SimpleNamespace(topic="t", partition=1, unfinished=0, expected_offset=10, oldest_ms=None)
    fresh = SimpleNamespace(topic="t", partition=2, unfinished=1, expected_offset=0, oldest_ms=now_ms + 60_000)
    ends = {0: 15, 1: 8, 2: None}
    metrics = WorkerMetrics()
    metrics.add(of_lag(lambda: [stuck, ahead, fresh], lambda _topic, partition: ends[partition]))

    samples = {
        (sample.name, sample.labels["partition"]): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }

    assert [samples["person_lane_lag_records", partition] for partition in "012"] == [8, 0, 1]
    assert 60 <= samples["person_lane_lag_seconds", "0"] < 70
    assert [samples["person_lane_lag_seconds", partition] for partition in "12"] == [0, 0]


def test_a_distribution_is_told_as_a_cumulative_histogram() -> None:
    one = Distribution((0.5, 1, 10))
    for value in (0.1, 0.5, 3, 99):
        one.observe(value)

    family = histogram("person_x_seconds", "About.", [(("a",), one)], labels=("kind",))

    assert [(sample.name, sample.labels.get("le"), sample.value) for sample in family.samples] == [
        ("person_x_seconds_bucket", "0.5", 2),
        ("person_x_seconds_bucket", "1.0", 2),
        ("person_x_seconds_bucket", "10.0", 3),
        ("person_x_seconds_bucket", "+Inf", 4),
        ("person_x_seconds_count", None, 4),
        ("person_x_seconds_sum", None, 102.6),
    ]
    assert {sample.labels["kind"] for sample in family.samples} == {"a"}


def _missing(now: Mapping[str, float], before: Mapping[str, float], at_least: Mapping[str, int]) -> list[str]:
    """Samples that have not grown as they should."""
    return [name for name, growth in at_least.items() if now[name] - before[name] < growth]
