"""The few kinds of panels that the dashboards use, all on the data source that the reader has chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, Threshold, ThresholdsMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE = common.DataSourceRef(type_val="prometheus", uid="${datasource}")
RATE = "$__rate_interval"
WIDTH = 24
HEIGHT = 8

Panel = timeseries.Panel | stat.Panel | table.Panel


class Query(NamedTuple):
    """An expression, and how its series are called; `{{label}}` stands for the value of a label."""

    expression: str
    legend: str = ""


class Limit(NamedTuple):
    """From this value on a figure has a colour."""

    value: float
    color: str


GOOD_AT_ZERO = (Limit(1, "orange"),)
"""For what should not be there."""


def lines(
    title: str, about: str, *queries: Query, unit: str = "short", stacked: bool = False, span: int = WIDTH // 2
) -> timeseries.Panel:
    """Curves over time; `unit` is one of Grafana's."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .unit(unit)
        .min(0)
        .span(span)
        .height(HEIGHT)
        .fill_opacity(30 if stacked else 5)
        .show_points(common.VisibilityMode.NEVER)
        .legend(
            common_builders.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(
            common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING)
        )
    )
    if stacked:
        panel = panel.stacking(common_builders.StackingConfig().mode(common.StackingMode.NORMAL))
    for number, query in enumerate(queries):
        panel = panel.with_target(_target(query, number))
    return panel


def figure(
    title: str, about: str, expression: str, *, unit: str = "short", limits: Sequence[Limit] = (), span: int = 4
) -> stat.Panel:
    """One number, the last value, with its course behind it."""
    steps = [Threshold(value=None, color="green"), *(Threshold(value=one.value, color=one.color) for one in limits)]
    return (
        stat.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .unit(unit)
        .span(span)
        .height(HEIGHT // 2)
        .thresholds(builders.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
        .color_mode(common.BigValueColorMode.VALUE)
        .graph_mode(common.BigValueGraphMode.AREA)
        .reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]))
        .with_target(_target(Query(expression), 0))
    )


def rows(title: str, about: str, query: Query, *, hidden: Sequence[str] = (), span: int = WIDTH // 2) -> table.Panel:
    """The series of a query now, one line each with a column per label."""
    left_out: dict[str, object] = {"excludeByName": dict.fromkeys(("Time", *hidden), True)}
    return (
        table.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .span(span)
        .height(HEIGHT)
        .with_target(_target(query, 0).instant().format(PromQueryFormat.TABLE))
        .with_transformation(DataTransformerConfig(id_val="organize", options=left_out))
    )


def quantiles(metric: str, by: str = "", where: str = "") -> tuple[Query, ...]:
    """Median, 95th and 99th percentile of a histogram of seconds; `by` names a label that is told apart."""
    labels = f"le, {by}" if by else "le"
    named = f"{{{{{by}}}}} " if by else ""
    return tuple(
        Query(f"histogram_quantile({share}, sum by ({labels}) (rate({metric}_bucket{where}[{RATE}])))", named + name)
        for share, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
    )


def row(title: str) -> Row:
    """A heading over the panels behind it."""
    return Row(title)


def _target(query: Query, number: int) -> prometheus.Dataquery:
    return (
        prometheus.Dataquery()
        .expr(query.expression)
        .legend_format(query.legend)
        .ref_id(chr(ord("A") + number))
        .datasource(SOURCE)
    )
