"""`python -m tests.monitoring`: a real Prometheus scrapes real workers under load, and answers every query of every dashboard.

It ends with 0 only if every rule can be evaluated, every query has an answer or may have none, and the alerts that fire are those of the
person that was parked on purpose. Report: build/monitoring.json."""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from local.stack import Stack
from ops.up import start_neighbours, start_team, stop_team
from tests.monitoring.expressions import filled_in
from tests.monitoring.load import load, populate
from tests.monitoring.real_prometheus import PrometheusMissingError, RealPrometheus, find_prometheus
from tests.monitoring.test_dashboards_are_complete import DASHBOARDS, panels

WINDOW = "30s"
QUIET = {
    # Nothing of the kind happens in a good hour.
    "Failures",
    "Failed cycles",
    "Faults",
    "Stored",
    "State",
    "Timers",
    "Traces",
    "Subscriptions and denials",
    # Nothing is behind.
    "Lag in seconds",
    "Lag in records",
    # No saga is open at that moment, or nobody was swept.
    "Longest open saga without a change",
    "Longest without a change",
    "Age of the oldest",
    "Open sagas by step",
    "Inactive persons",
    # Every command was decided at once.
    "Recovery",
}
"""Panels that may have nothing to show, or some of whose queries may."""
EXPECTED = {"PersonQuarantine", "PersonDeadLettersStored"}
"""Alerts of a person that was parked."""


def main() -> int:
    """Run once."""
    parser = argparse.ArgumentParser(prog="monitoring", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the load runs")
    parser.add_argument("--persons", type=int, default=0, help="how many persons there are before")
    parser.add_argument("--data", type=Path, default=Path("build/monitoring"), help="folder of the run")
    parser.add_argument("--report", type=Path, default=Path("build/monitoring.json"), help="where the report goes")
    given = parser.parse_args()
    try:
        # Before minutes of load, not behind them.
        find_prometheus()
    except PrometheusMissingError as error:
        say(f"monitoring: {error}")
        return 2
    shutil.rmtree(given.data, ignore_errors=True)
    report = run(given.data, given.seconds, given.persons)
    given.report.write_text(json.dumps(report, indent=2) + "\n")
    say(json.dumps(report, indent=2))
    return 0 if report["clean"] else 1


def run(data: Path, seconds: float, persons: int) -> dict[str, Any]:
    """Start everything, load it, ask, and end everything; returns what was found."""
    with Stack(data / "stack") as stack:
        addresses = stack.endpoints
        team = start_team(addresses, 2, data)
        around = start_neighbours(addresses.nats_url, data)
        try:
            asyncio.run(populate(addresses.nats_url, persons))
            with RealPrometheus(team, data / "prometheus") as prometheus:
                asyncio.run(load(addresses.nats_url, seconds))
                return _found(prometheus)
        finally:
            stop_team(team)
            around.stop()


def _found(prometheus: RealPrometheus) -> dict[str, Any]:
    empty, answered = [], 0
    for name, dashboard in DASHBOARDS.items():
        for panel in panels(dashboard):
            for target in panel["targets"]:
                if prometheus.query(filled_in(target["expr"], window=WINDOW)):
                    answered += 1
                else:
                    empty.append({"dashboard": name, "panel": panel["title"], "expression": target["expr"]})
    unexpected = [one for one in empty if one["panel"] not in QUIET]
    broken = [
        {"alert": rule["name"], "error": rule.get("lastError", "")}
        for rule in prometheus.rules()
        if rule["health"] != "ok"
    ]
    firing = sorted({one["labels"]["alertname"] for one in prometheus.alerts() if one["state"] == "firing"})
    scrapes = [round(1000 * target["lastScrapeDuration"], 1) for target in prometheus.targets()]
    return {
        "clean": not unexpected and not broken and set(firing) == EXPECTED,
        "queries_answered": answered,
        "queries_without_series": len(empty),
        "unexpectedly_empty": unexpected,
        "empty_as_they_may_be": [f"{one['panel']}: {one['expression']}" for one in empty if one not in unexpected],
        "rules": len(prometheus.rules()),
        "rules_broken": broken,
        "alerts_firing": firing,
        "alerts_pending": sorted(
            {one["labels"]["alertname"] for one in prometheus.alerts() if one["state"] == "pending"}
        ),
        "persons": int(float(prometheus.query('sum(person_table_rows{table="persons"})')[0]["value"][1])),
        "scrape_ms": scrapes,
    }


def say(text: str) -> None:
    """One line for the operator, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
