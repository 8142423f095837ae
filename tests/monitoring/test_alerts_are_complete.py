"""Alert rules: each can be evaluated, names what workers serve, is tested both ways, and has a page that says what to do."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.monitoring.expressions import faults

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "config" / "alerts"
RUNBOOK = ROOT / "docs" / "runbook"
FILES = sorted(FOLDER.glob("*.rules.yml"))
TESTS = sorted((FOLDER / "tests").glob("*.test.yml"))
SECTIONS = ["## What it means", "## Look", "## Do"]


def rules(file: Path) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]


ALERTS = {rule["alert"]: rule for file in FILES for rule in rules(file)}


def page_of(alert: str) -> Path:
    return ROOT / str(ALERTS[alert]["annotations"]["runbook_url"])


@pytest.mark.parametrize("alert", ALERTS)
def test_every_expression_parses_and_names_what_workers_serve(alert: str) -> None:
    assert faults(ALERTS[alert]["expr"]) == []


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_says_how_bad_it_is_what_it_is_and_where_to_read_on(alert: str) -> None:
    rule = ALERTS[alert]

    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"] in ({"severity": "critical"}, {"severity": "warning"})
    assert set(rule["annotations"]) == {"summary", "runbook_url"}
    assert rule["annotations"]["summary"].endswith(".")


def test_every_alert_has_a_page_and_every_page_an_alert() -> None:
    pages = {path for path in RUNBOOK.glob("*.md") if path.name != "README.md"}

    assert {page_of(alert) for alert in ALERTS} == pages
    for alert in ALERTS:
        name = re.sub(r"(?<!^)(?=[A-Z])", "-", alert.removeprefix("Person")).lower()
        assert page_of(alert).stem == name


@pytest.mark.parametrize("alert", ALERTS)
def test_a_page_says_what_it_means_where_to_look_and_what_to_do(alert: str) -> None:
    text = page_of(alert).read_text()

    assert text.splitlines()[0] == f"# {alert}"
    assert re.findall(r"^## .+$", text, re.MULTILINE) == SECTIONS
    assert f"`{ALERTS[alert]['labels']['severity']}`" in text.partition("## What it means")[0]


def test_the_runbook_lists_every_page() -> None:
    listed = re.findall(r"^\| \[(\w+)\]\(([\w-]+\.md)\) \| `(\w+)` \|", (RUNBOOK / "README.md").read_text(), re.M)

    assert {(name, file, severity) for name, file, severity in listed} == {
        (alert, page_of(alert).name, rule["labels"]["severity"]) for alert, rule in ALERTS.items()
    }


def test_every_alert_is_tested_when_it_fires_and_when_it_is_quiet() -> None:
    fires: set[str] = set()
    quiet: set[str] = set()
    for file in TESTS:
        for one in yaml.safe_load(file.read_text())["tests"]:
            for of_rule in one["alert_rule_test"]:
                (fires if of_rule["exp_alerts"] else quiet).add(of_rule["alertname"])

    assert fires == quiet == ALERTS.keys()


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool comes with Prometheus, which is not installed")
def test_promtool_finds_the_rules_right_and_their_tests_pass() -> None:
    checked = subprocess.run(["promtool", "check", "rules", *map(str, FILES)], capture_output=True, text=True)
    tested = subprocess.run(["promtool", "test", "rules", *map(str, TESTS)], capture_output=True, text=True)

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("sum by (", "unclosed left parenthesis"),
        ("person_nothing > 0", "no worker serves it"),
        ('person_sagas{person="x"}', "it has no label person"),
        ("sum by (partition) (person_sagas)", "nothing is told apart by partition"),
    ],
)
def test_a_wrong_expression_is_found(expression: str, fault: str) -> None:
    assert fault in " ".join(faults(expression))
