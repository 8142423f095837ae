"""What is wrong with an expression of an alert or of a dashboard: it does not parse, or it names what no worker serves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import promql_parser

from tests.monitoring.metrics_page import labels_of_samples

OF_PROMETHEUS: Mapping[str, frozenset[str]] = {
    "up": frozenset(),
    "ALERTS": frozenset({"alertname", "alertstate", "severity"}),
}
"""Series that Prometheus itself makes."""
OF_SCRAPE = frozenset({"instance", "job"})
"""Labels that Prometheus adds to every sample."""
BELOW = ("lhs", "rhs", "expr", "vector_selector", "param")


def faults(expression: str) -> list[str]:
    """One text for each fault; variables of Grafana may stand in the expression."""
    try:
        parsed = promql_parser.parse(filled_in(expression))
    except ValueError as error:
        return [f"{error}: {expression}"]
    samples = {**OF_PROMETHEUS, **labels_of_samples()}
    found = []
    for selector in _selectors(parsed):
        if selector.name not in samples:
            found.append(f"{selector.name}: no worker serves it")
            continue
        unknown = {one.name for one in selector.matchers.matchers} - samples[selector.name] - OF_SCRAPE
        found += [f"{selector.name}: it has no label {label}" for label in sorted(unknown)]
    if not found:
        found += _faults_of_groups(parsed, samples)
    return found


def filled_in(expression: str, *, window: str = "5m", workers: str = ".+") -> str:
    """The expression with values in the place of Grafana's variables."""
    return expression.replace("$__rate_interval", window).replace("$instance", workers)


def kept_labels(expression: str) -> frozenset[str]:
    """Labels that the series of an expression may have."""
    parsed = promql_parser.parse(filled_in(expression))
    return _kept(parsed, {**OF_PROMETHEUS, **labels_of_samples()})


def legend_labels(legend: str) -> frozenset[str]:
    """Labels that a legend names."""
    return frozenset(re.findall(r"\{\{(\w+)\}\}", legend))


def _nodes(node: Any) -> Iterator[Any]:
    yield node
    for name in BELOW:
        below = getattr(node, name, None)
        if below is not None and not isinstance(below, str):
            yield from _nodes(below)
    for argument in getattr(node, "args", None) or ():
        yield from _nodes(argument)


def _selectors(node: Any) -> Iterator[promql_parser.VectorSelector]:
    return (one for one in _nodes(node) if isinstance(one, promql_parser.VectorSelector))


def _faults_of_groups(node: Any, samples: Mapping[str, frozenset[str]]) -> list[str]:
    found = []
    for one in _nodes(node):
        if isinstance(one, promql_parser.AggregateExpr) and one.modifier is not None:
            below = frozenset[str]().union(*(samples[str(selector.name)] for selector in _selectors(one.expr)))
            found += [f"nothing is told apart by {label}" for label in set(one.modifier.labels) - below - OF_SCRAPE]
    return found


def _kept(node: Any, samples: Mapping[str, frozenset[str]]) -> frozenset[str]:
    if isinstance(node, promql_parser.AggregateExpr):
        return frozenset(node.modifier.labels) if node.modifier is not None else frozenset()
    if isinstance(node, promql_parser.VectorSelector):
        return samples[str(node.name)] | OF_SCRAPE
    below = [getattr(node, name, None) for name in BELOW] + list(getattr(node, "args", None) or ())
    return frozenset[str]().union(*(_kept(one, samples) for one in below if one is not None and type(one) is not str))
