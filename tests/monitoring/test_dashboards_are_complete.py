"""Dashboards: the files are those that the code makes, and each panel can be evaluated, is explained and names what workers serve."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from ops.dashboards.__main__ import main
from ops.dashboards.files import FOLDER, differing, made, write
from tests.monitoring.expressions import faults, kept_labels, legend_labels
from tests.monitoring.metrics_page import documented, family_of
from tests.monitoring.test_alerts_are_complete import ALERTS

DASHBOARDS = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}


def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def queries(dashboard: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Expression and legend of each query of a dashboard."""
    for panel in panels(dashboard):
        for target in panel["targets"]:
            yield target["expr"], target["legendFormat"]


def test_the_files_are_those_that_the_code_makes() -> None:
    assert differing() == [], "write them again with `python -m ops.dashboards`"
    assert CliRunner().invoke(main, ["--check"]).exit_code == 0


def test_a_file_that_was_changed_by_hand_is_found_and_written_again(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "person-lanes.json").write_text("{}")
    (tmp_path / "person-mine.json").write_text("{}")
    (tmp_path / "person-bridge.json").unlink()
    wrong = ["person-bridge.json", "person-lanes.json", "person-mine.json"]

    assert differing(tmp_path) == wrong
    assert write(tmp_path) == wrong
    assert differing(tmp_path) == []
    assert {path.name for path in tmp_path.iterdir()} == set(made())


@pytest.mark.parametrize("name", DASHBOARDS)
def test_grafanas_own_model_knows_every_field(name: str) -> None:
    assert as_grafana_reads(DASHBOARDS[name]) == DASHBOARDS[name]
    for misspelt in ({"refresj": "10s"}, {"panels": [{**DASHBOARDS[name]["panels"][0], "gridpos": {}}]}):
        assert as_grafana_reads({**DASHBOARDS[name], **misspelt}) != {**DASHBOARDS[name], **misspelt}


def as_grafana_reads(dashboard: dict[str, Any]) -> Any:
    """What is left of a dashboard once the model that is made from Grafana's published schema has read it."""
    return json.loads(json.dumps(Dashboard.from_json(dashboard), cls=JSONEncoder))


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_query_parses_and_names_what_workers_serve(name: str) -> None:
    for expression, legend in queries(DASHBOARDS[name]):
        assert faults(expression) == [], expression
        assert legend_labels(legend) <= kept_labels(expression), (expression, legend)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_panel_is_named_explained_and_asks_the_chosen_source(name: str) -> None:
    dashboard = DASHBOARDS[name]
    titles = [panel["title"] for panel in dashboard["panels"]]

    assert dashboard["uid"] == name
    assert len(titles) == len(set(titles))
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(titles)
    for panel in panels(dashboard):
        assert panel["description"].endswith("."), panel["title"]
        sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
        assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in sources)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_no_panel_lies_on_another_or_beyond_the_edge(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARDS[name]["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


def test_every_metric_is_looked_at_by_a_dashboard_or_an_alert() -> None:
    families = documented()
    told = " ".join(
        [expression for one in DASHBOARDS.values() for expression, _ in queries(one)]
        + [rule["expr"] for rule in ALERTS.values()]
    )
    asked = {family_of(word, families) for word in re.findall(r"\b(?:person|process)_\w+", told)}
    seldom = {
        # For whoever looks closer; the panels tell the same in other words.
        "person_lane_cycles_total",
        "person_lane_backlog_records",
        "person_index_stream_sequence",
        "person_rules_stream_sequence",
        "person_policy_slow_total",
        "person_recovery_seconds_total",
        "process_virtual_memory_bytes",
    }

    assert families.keys() - asked == seldom
