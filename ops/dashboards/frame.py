"""What all dashboards share: the choice of the data source and of workers, links to each other, time range and refresh."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DashboardLinkType, VariableRefresh

from ops.dashboards.panels import SOURCE, Panel

TAG = "person-stream"


def framed(uid: str, title: str, about: str, panels: Sequence[Panel | Row], *, of_workers: bool = False) -> Dashboard:
    """A dashboard of panels and headings in their order; one `of_workers` lets the reader choose them."""
    dashboard = (
        Dashboard(title)
        .uid(uid)
        .description(about)
        .tags([TAG])
        .readonly()
        .time("now-1h", "now")
        .refresh("10s")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .link(
            builders.DashboardLink("Dashboards")
            .type(DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(True)
            .keep_time(True)
            .include_vars(True)
        )
        .with_variable(builders.DatasourceVariable("datasource").label("Data source").type("prometheus"))
    )
    if of_workers:
        dashboard = dashboard.with_variable(
            builders.QueryVariable("instance")
            .label("Worker")
            .datasource(SOURCE)
            .query("label_values(person_build_info, instance)")
            .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
            .multi(True)
            .include_all(True)
            .all_value(".+")
        )
    for number, panel in enumerate(panels, start=1):
        # Links to a panel name its number.
        numbered = panel.id(number)
        dashboard = dashboard.with_row(numbered) if isinstance(numbered, Row) else dashboard.with_panel(numbered)
    return dashboard
