"""Several runs of one measurement as median and range, figure by figure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any


def of_runs(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Each number of the runs as `{"median", "min", "max"}`, nested as it was; anything else as in the first run."""
    return {name: _of_values([run[name] for run in runs if name in run]) for name in runs[0]}


def middle_run(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The run with the median p95: percentiles of different runs are not averaged. Void and overloaded runs only if there is no other."""
    sound = [run for run in runs if run["valid"] and not run["overloaded"]] or [
        run for run in runs if not run["overloaded"]
    ]
    if not sound:
        return runs[0]
    ordered = sorted(sound, key=lambda run: run["visible"]["p95"])
    chosen = dict(ordered[(len(ordered) - 1) // 2])
    chosen["p95_of_runs"] = [run["visible"]["p95"] for run in ordered]
    return chosen


def _of_values(values: Sequence[Any]) -> Any:
    if all(isinstance(value, dict) for value in values):
        return of_runs(values)
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return {"median": statistics.median(values), "min": min(values), "max": max(values)}
    return values[0]
