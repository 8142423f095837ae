"""The first dashboard to look at: is everything served, how fast, and does anything wait for somebody?"""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from ops.dashboards.frame import framed
from ops.dashboards.panels import GOOD_AT_ZERO, RATE, WIDTH, Limit, Query, figure, lines, quantiles, row, rows


def overview() -> Dashboard:
    """Traffic, latency, lag, and what waits."""
    return framed(
        "person-overview",
        "Person stream: overview",
        "Is everything served, how fast, and does anything wait for somebody?",
        [
            figure(
                "Partitions without an owner",
                "Persons of these partitions are not served.",
                "max(person_partitions) - sum(person_owned_partitions)",
                limits=[Limit(1, "red")],
            ),
            figure("Workers", "Workers that tell their metrics.", "count(person_build_info)"),
            figure(
                "Lag",
                "Age of the oldest record that a lane has not finished.",
                "max(person_lane_lag_seconds)",
                unit="s",
                limits=[Limit(10, "orange"), Limit(60, "red")],
            ),
            figure(
                "In quarantine",
                "Persons whose events wait for an agent, one for each agent.",
                "sum(person_quarantined_persons) or vector(0)",
                limits=GOOD_AT_ZERO,
            ),
            figure(
                "Sagas parked",
                "Sagas that have failed and wait for an operator.",
                'sum(person_sagas{status="Parked"}) or vector(0)',
                limits=GOOD_AT_ZERO,
            ),
            figure(
                "Dead letters",
                "Messages that were passed over, and that nobody has redriven or discarded.",
                "sum(person_dead_letters_open) or vector(0)",
                limits=GOOD_AT_ZERO,
            ),
            row("Traffic"),
            lines(
                "Events by type",
                "Events that became visible, a second.",
                Query(f"sum by (type) (rate(person_events_applied_total[{RATE}]))", "{{type}}"),
                unit="ops",
                stacked=True,
            ),
            lines(
                "Commands by outcome",
                "Commands that got their outcome, a second.",
                Query(f"sum by (status) (rate(person_commands_decided_total[{RATE}]))", "{{status}}"),
                unit="ops",
                stacked=True,
            ),
            lines(
                "From append to visible",
                "Time from the moment an event is stored until readers see it.",
                *quantiles("person_event_visible_seconds"),
                unit="s",
            ),
            lines(
                "From command to outcome",
                "Time from the moment a command is stored until its outcome is told.",
                *quantiles("person_command_decided_seconds"),
                unit="s",
            ),
            lines(
                "Refused and failed commands",
                "By code, a second.",
                Query(
                    f'sum by (status, code) (rate(person_commands_decided_total{{status!="accepted"}}[{RATE}]))',
                    "{{status}} {{code}}",
                ),
                unit="ops",
            ),
            lines(
                "Questions",
                "Answers to clients by query, a second.",
                Query(f"sum by (query) (rate(person_queries_answered_total[{RATE}]))", "{{query}}"),
                unit="ops",
            ),
            row("What waits"),
            rows(
                "Alerts that fire",
                "From the rules in config/alerts.",
                Query('ALERTS{alertname=~"Person.*", alertstate="firing"}'),
                hidden=("__name__", "alertstate", "job", "Value"),
                span=WIDTH,
            ),
            lines(
                "Lag by topic",
                "Age of the oldest record that a lane has not finished.",
                Query("max by (topic) (person_lane_lag_seconds)", "{{topic}}"),
                unit="s",
            ),
            lines(
                "Quarantine",
                "Persons that wait, by agent.",
                Query("sum by (agent) (person_quarantined_persons)", "{{agent}}"),
                stacked=True,
            ),
            lines(
                "Longest in quarantine",
                "How long the person waits that was parked first of all that wait.",
                Query("max by (agent) (person_quarantine_oldest_seconds)", "{{agent}}"),
                unit="s",
            ),
            lines(
                "Longest open saga without a change",
                "By saga and status; one that compensates should not take long.",
                Query("max by (saga, status) (person_saga_stalest_seconds)", "{{saga}} {{status}}"),
                unit="s",
            ),
        ],
    )
