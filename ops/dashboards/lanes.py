"""The dashboard of partitions and lanes: who is behind, how busy lanes are, what a cycle takes."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from ops.dashboards.frame import framed
from ops.dashboards.panels import RATE, WIDTH, Query, lines, quantiles, row, rows


def lanes() -> Dashboard:
    """Lag, load and cycles by topic and partition."""
    return framed(
        "person-lanes",
        "Person stream: partitions and lanes",
        "Who is behind, how busy lanes are, and what a cycle takes.",
        [
            row("Lag"),
            lines(
                "Lag in seconds",
                "Age of the oldest record of a partition whose effects are not durable.",
                Query("max by (topic, partition) (person_lane_lag_seconds) > 1", "{{topic}} {{partition}}"),
                unit="s",
            ),
            lines(
                "Lag in records",
                "Records of a partition whose effects are not durable.",
                Query("sum by (topic, partition) (person_lane_lag_records) > 0", "{{topic}} {{partition}}"),
            ),
            row("Load"),
            lines(
                "Records by topic",
                "Records that lanes have committed, a second.",
                Query(f"sum by (topic) (rate(person_lane_records_total[{RATE}]))", "{{topic}}"),
                unit="ops",
                stacked=True,
            ),
            lines(
                "Busy",
                "Share of the time that a lane spends in cycles.",
                Query(
                    f"sum by (topic, partition) (rate(person_lane_busy_seconds_total[{RATE}])) > 0.01",
                    "{{topic}} {{partition}}",
                ),
                unit="percentunit",
            ),
            lines(
                "Failed cycles",
                "Cycles that failed and were repeated, and lanes that were replaced, a minute.",
                Query(f"60 * sum by (topic) (rate(person_lane_cycles_failed_total[{RATE}]))", "{{topic}} failed"),
                Query(f"60 * sum by (topic) (rate(person_lane_fenced_total[{RATE}]))", "{{topic}} fenced"),
            ),
            rows(
                "Positions",
                "Stream sequence that a partition has applied and indexed; the owner tells.",
                Query("max by (partition, instance) (person_applied_stream_sequence)"),
            ),
            row("Cycles"),
            lines(
                "Cycle time",
                "From the first agent to the last announcement.",
                *quantiles("person_lane_cycle_seconds", "topic"),
                unit="s",
            ),
            lines(
                "Group commit",
                "Changelogs acknowledged and rows visible.",
                *quantiles("person_lane_commit_seconds", "topic"),
                unit="s",
            ),
            lines(
                "Records per cycle",
                "More come together the busier a lane is.",
                *quantiles("person_lane_cycle_records", "topic"),
                span=WIDTH,
            ),
        ],
    )
