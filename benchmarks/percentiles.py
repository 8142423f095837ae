"""Percentiles of latencies: nearest rank on all samples, nothing averaged, nothing interpolated."""

from __future__ import annotations

import math
from collections.abc import Sequence

SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest sample of an ordered, non-empty sequence such that at least `share` of all samples are not above it."""
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


def in_milliseconds(nanoseconds: Sequence[int]) -> dict[str, float]:
    """p50, p95, p99, p99.9 and max in milliseconds with the number of samples; only the number when there are none."""
    ordered = sorted(nanoseconds)
    if not ordered:
        return {"samples": 0}
    found = {name: round(percentile(ordered, share) / 1e6, 2) for name, share in SHARES.items()}
    return {"samples": len(ordered), **found, "max": round(ordered[-1] / 1e6, 2)}
