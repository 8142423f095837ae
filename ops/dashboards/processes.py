"""The dashboard of sagas, policies and neighbours: where they stand, and whether anything is stuck."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from ops.dashboards.frame import framed
from ops.dashboards.panels import RATE, Query, lines, row, rows


def processes() -> Dashboard:
    """Sagas, policies, neighbours and sweeps."""
    return framed(
        "person-processes",
        "Person stream: sagas, policies, neighbours",
        "Where processes stand, and whether anything is stuck.",
        [
            row("Sagas"),
            lines(
                "By status",
                "Sagas that have not ended, and those that have.",
                Query("sum by (saga, status) (person_sagas)", "{{saga}} {{status}}"),
                stacked=True,
            ),
            rows(
                "Open sagas by step",
                "How many stand where.",
                Query('sum by (saga, status, step) (person_sagas{step!=""})'),
            ),
            lines(
                "Longest without a change",
                "By saga and status.",
                Query("max by (saga, status) (person_saga_stalest_seconds)", "{{saga}} {{status}}"),
                unit="s",
            ),
            lines(
                "Age of the oldest",
                "By saga and status.",
                Query("max by (saga, status) (person_saga_oldest_seconds)", "{{saga}} {{status}}"),
                unit="s",
            ),
            lines(
                "Events",
                "Saga events whose effects were brought about, a second.",
                Query(f"sum by (saga, event) (rate(person_saga_events_total[{RATE}]))", "{{saga}} {{event}}"),
                unit="ops",
            ),
            lines(
                "Effects and inputs",
                "What sagas have taken and sent, a second.",
                Query(f"sum by (kind) (rate(person_saga_inputs_total[{RATE}]))", "took {{kind}}"),
                Query(f"sum by (kind) (rate(person_saga_effects_total[{RATE}]))", "sent {{kind}}"),
                unit="ops",
            ),
            lines(
                "Timers",
                "How long after its time the last timer arrived, and timers whose step had ended, a minute.",
                Query("max(person_saga_timer_lateness_seconds)", "late by, in seconds"),
                Query(f"60 * sum(rate(person_saga_timers_late_total[{RATE}]))", "too late, a minute"),
            ),
            row("Policies"),
            lines(
                "Verdicts",
                "Answers of policies, a second.",
                Query(
                    f"sum by (policy, verdict) (rate(person_policy_verdicts_total[{RATE}]))", "{{policy}} {{verdict}}"
                ),
                unit="ops",
            ),
            lines(
                "Faults",
                "Answers that are no verdict, a minute.",
                Query(
                    f"60 * sum by (policy, fault) (rate(person_policy_faults_total[{RATE}]))", "{{policy}} {{fault}}"
                ),
            ),
            lines(
                "Time per answer",
                "The mean, and the longest since a worker started.",
                Query(
                    f"sum by (policy) (rate(person_policy_seconds_total[{RATE}])) "
                    f"/ sum by (policy) (rate(person_policy_verdicts_total[{RATE}]))",
                    "{{policy}} mean",
                ),
                Query("max by (policy) (person_policy_longest_seconds)", "{{policy}} longest"),
                unit="s",
            ),
            lines(
                "Versions and rule book",
                "Versions of policies by status, policies that cannot be asked, and the age of what workers know.",
                Query("max by (status) (person_policy_versions)", "{{status}}"),
                Query("max(person_policies_unusable)", "unusable"),
                Query("max(person_rules_age_seconds)", "age of the rule book, in seconds"),
            ),
            row("Neighbours and sweeps"),
            lines(
                "Events of neighbours",
                "By what became of them, a second.",
                Query(f"sum by (domain, fate) (rate(person_foreign_events_total[{RATE}]))", "{{domain}} {{fate}}"),
                unit="ops",
            ),
            lines(
                "Commands that they became",
                "By outcome, a second.",
                Query(
                    f"sum by (domain, status, code) (rate(person_foreign_commands_total[{RATE}]))",
                    "{{domain}} {{status}} {{code}}",
                ),
                unit="ops",
            ),
            lines(
                "Inactive persons",
                "Sweeps that are done and persons that they reported, in an hour.",
                Query("sum(increase(person_inactivity_sweeps_total[1h]))", "sweeps"),
                Query("sum(increase(person_inactivity_reports_total[1h]))", "reports"),
            ),
        ],
    )
