"""`/metrics` of a running worker and its page in the reference name the same metrics, types and labels."""

from __future__ import annotations

import re
import urllib.request

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families

from ops.workers import Worker
from queries.metrics import WorkerMetrics
from tests.monitoring.metrics_page import documented, family_of


def test_every_metric_is_documented_with_type_and_labels_and_no_other(team: list[Worker]) -> None:
    rows = documented()
    served: dict[str, str] = {}
    labels: dict[str, set[str]] = {}
    for worker in team:
        with urllib.request.urlopen(f"http://127.0.0.1:{worker.port}/metrics", timeout=30) as reply:
            text = reply.read().decode()
        served |= dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labels.setdefault(family_of(sample.name, rows), set()).update(sample.labels.keys() - {"le"})

    assert served == {name: row.kind for name, row in rows.items()}
    for name, found in labels.items():
        assert found == rows[name].labels, name


def test_a_source_is_asked_at_every_scrape_and_not_before() -> None:
    metrics, asked = WorkerMetrics(), 0

    def source() -> list[GaugeMetricFamily]:
        nonlocal asked
        asked += 1
        return [GaugeMetricFamily("person_scrapes", "How often it was asked.", value=asked)]

    metrics.add(source)
    assert asked == 0
    assert [b"person_scrapes 1.0" in metrics.text(), b"person_scrapes 2.0" in metrics.text()] == [True, True]
