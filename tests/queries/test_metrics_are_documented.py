"""`/metrics` of a running worker and its page in the reference name the same metrics, types and labels."""

from __future__ import annotations

import re
import urllib.request
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families

from ops.workers import Worker
from queries.metrics import WorkerMetrics

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"
ROW = re.compile(r"^\| `(person_\w+)` \| (\w+) \| (.*?) \|", re.MULTILINE)


def test_every_metric_is_documented_with_type_and_labels_and_no_other(team: list[Worker]) -> None:
    documented = {
        name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in ROW.findall(PAGE.read_text())
    }
    served: dict[str, str] = {}
    labels: dict[str, set[str]] = {}
    for worker in team:
        with urllib.request.urlopen(f"http://127.0.0.1:{worker.port}/metrics", timeout=5) as reply:
            text = reply.read().decode()
        served |= dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labels.setdefault(sample.name, set()).update(sample.labels)

    assert served == {name: kind for name, (kind, _) in documented.items()}
    for name, found in labels.items():
        assert found == documented[name][1], name


def test_a_source_is_asked_at_every_scrape_and_not_before() -> None:
    metrics, asked = WorkerMetrics(), 0

    def source() -> list[GaugeMetricFamily]:
        nonlocal asked
        asked += 1
        return [GaugeMetricFamily("person_scrapes", "How often it was asked.", value=asked)]

    metrics.add(source)
    assert asked == 0
    assert [b"person_scrapes 1.0" in metrics.text(), b"person_scrapes 2.0" in metrics.text()] == [True, True]
