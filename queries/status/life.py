"""How often a worker was started on its data folder, how its runs ended, and how often its partitions changed since its start.

Guarantee: the file is replaced as a whole; without a readable one the count begins anew, which harms nothing else."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

KEPT = 20
"""Runs that are remembered."""
RECENT_S = 3600.0


class WorkerLife:
    """The runs of the worker of one data folder."""

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._file = folder / "runs.json"
        self._clock = clock
        self._started = clock()
        self._runs: list[dict[str, Any]] = []
        self._starts = 0
        self.assignments = 0
        """How often partitions were assigned and recovered since this start; the first time counts."""

    def begin(self) -> None:
        """Note the start; a run before it without an end was killed or has crashed."""
        try:
            held = json.loads(self._file.read_text())
            self._starts, self._runs = int(held["starts"]), list(held["runs"])[-KEPT + 1 :]
        except (OSError, ValueError, KeyError, TypeError):
            self._starts, self._runs = 0, []
        self._started = self._clock()
        self._starts += 1
        self._runs.append({"started": self._started, "ended": None})
        self._write()

    def end(self) -> None:
        """Note that the worker has stopped as it was asked to."""
        if self._runs:
            self._runs[-1]["ended"] = self._clock()
            self._write()

    def told(self) -> dict[str, Any]:
        """Starts of all time, starts and unclean ends of the last hour, and the assignments since the start."""
        since = self._clock() - RECENT_S
        recent = [run for run in self._runs if run["started"] >= since]
        before = [run for run in self._runs[:-1] if run["ended"] is None and run["started"] >= since]
        return {
            "started_at": datetime.fromtimestamp(self._started, UTC).isoformat(timespec="seconds"),
            "uptime_seconds": round(max(0.0, self._clock() - self._started), 1),
            "starts": self._starts,
            "starts_of_last_hour": len(recent),
            "killed_in_last_hour": len(before),
            "assignments": self.assignments,
        }

    def _write(self) -> None:
        temporary = self._file.with_suffix(".tmp")
        try:
            temporary.write_text(json.dumps({"starts": self._starts, "runs": self._runs}))
            os.replace(temporary, self._file)
        except OSError:
            # A full disk must not keep a worker from starting or stopping; the tables will say it louder.
            return
