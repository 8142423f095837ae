"""The dashboard of the bridge and the streams: what routes carry, what they leave, and what the streams hold."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from ops.dashboards.frame import framed
from ops.dashboards.panels import RATE, WIDTH, Query, lines, row


def bridge() -> Dashboard:
    """Routes, dead letters and streams."""
    return framed(
        "person-bridge",
        "Person stream: bridge and streams",
        "What routes carry, what they leave, and what the streams hold.",
        [
            row("Routes"),
            lines(
                "Carried",
                "Messages that a route has carried, a second.",
                Query(f"sum by (route) (rate(person_route_carried_total[{RATE}]))", "{{route}}"),
                unit="ops",
            ),
            lines(
                "Age of the oldest message",
                "Of those that are not carried yet.",
                Query("max by (route) (person_route_oldest_seconds)", "{{route}}"),
                unit="s",
            ),
            lines(
                "Left",
                "Messages that are not read, and those that are read and not acknowledged.",
                Query("sum by (route) (person_route_pending_messages)", "{{route}} not read"),
                Query("sum by (route) (person_route_unacknowledged_messages)", "{{route}} not acknowledged"),
            ),
            lines(
                "Failures",
                "Tries that failed, messages that were rejected, and those that would have gone in a circle, a minute.",
                Query(f"60 * sum by (route) (rate(person_route_failures_total[{RATE}]))", "{{route}} failed"),
                Query(f"60 * sum by (route) (rate(person_route_rejected_total[{RATE}]))", "{{route}} rejected"),
                Query(f"60 * sum by (route) (rate(person_route_looped_total[{RATE}]))", "{{route}} looped"),
            ),
            lines(
                "State",
                "Consumers or partitions that are carried; below 0 a route that waits for its stream or fails.",
                Query("sum by (route) (person_route_carrying)", "{{route}} carried"),
                Query("-max by (route) (person_route_waiting) < 0", "{{route}} waits"),
                Query("-max by (route) (person_route_failing) < 0", "{{route}} fails"),
            ),
            row("Dead letters"),
            lines(
                "Open",
                "Dead letters that nobody has redriven or discarded, by who could not handle them, and why.",
                Query("sum by (consumer, cause) (person_dead_letters_open)", "{{consumer}} {{cause}}"),
                stacked=True,
            ),
            lines(
                "Stored",
                "Dead letters a minute.",
                Query(
                    f"60 * sum by (consumer, cause) (rate(person_dead_letters_stored_total[{RATE}]))",
                    "{{consumer}} {{cause}}",
                ),
            ),
            lines(
                "Age of the oldest open letter",
                "The stream drops letters after 30 days.",
                Query("max by (route) (person_dead_letters_oldest_seconds)", "{{route}}"),
                unit="s",
                span=WIDTH,
            ),
            row("Streams"),
            lines("Messages", "Messages of a stream.", Query("sum by (stream) (person_stream_messages)", "{{stream}}")),
            lines(
                "Bytes",
                "Bytes of a stream on one node.",
                Query("sum by (stream) (person_stream_bytes)", "{{stream}}"),
                unit="bytes",
            ),
            lines(
                "Age of the oldest command",
                "Processed commands, which hold personal data, must be gone within 24 hours.",
                Query('max(person_stream_oldest_seconds{stream="PERSON_COMMANDS"})', "PERSON_COMMANDS"),
                unit="s",
            ),
            lines(
                "Trimming",
                "Processed commands that were removed, a second, and whether the last round has failed.",
                Query(f"sum(rate(person_trimmed_messages_total[{RATE}]))", "of the stream"),
                Query(f"sum(rate(person_trimmed_records_total[{RATE}]))", "of the topic"),
                Query("max(person_trimming_failing)", "failing"),
            ),
        ],
    )
