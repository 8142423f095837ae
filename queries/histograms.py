"""Distributions as histograms of the Prometheus text format."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.utils import floatToGoString

from lanes.distribution import Distribution


def histogram(
    name: str, documentation: str, of: Iterable[tuple[Sequence[str], Distribution]], labels: Sequence[str] = ()
) -> HistogramMetricFamily:
    """One family; `of` gives the label values of each distribution with it."""
    family = HistogramMetricFamily(name, documentation, labels=labels)
    for values, one in of:
        bounds = (*map(floatToGoString, one.bounds), "+Inf")
        family.add_metric(values, list(zip(bounds, accumulate(one.counts), strict=True)), sum_value=one.total)
    return family
