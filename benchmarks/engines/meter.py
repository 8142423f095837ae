"""What an engine is told, and how it reports: counts, times, processor time and latencies of one run.

Needs the standard library alone, because peers run in environments of their own."""

from __future__ import annotations

import json
import os
import threading
import time
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

MARKS = 20
"""Points of a run at which time and processor time are noted; a warm engine is judged by the second half."""


class Meter:
    """Reads the task from the environment and writes `report.json` when every event of the run is done.

    An event is done when the engine's readers see it; in an open-loop run when also its changelog record is acknowledged.
    """

    def __init__(self) -> None:
        task = json.loads(os.environ["BENCH_TASK"])
        self.kafka: str = task["kafka"]
        self.topic: str = task["topic"]
        self.run_id: str = task["run_id"]
        self.partitions: int = task["partitions"]
        self.events: int = task["events"]
        self.open_loop: bool = task["open_loop"]
        self.settings: dict[str, Any] = task["settings"]
        self.folder = Path(task["folder"])
        self.count = 0
        self._cycles = 0
        self._marks: list[tuple[int, float, float]] = []
        self._next_mark = 0
        self._stamps = array("q")
        self._lock = threading.Lock()

    def begin(self) -> None:
        """The first record is here; later calls do nothing."""
        if not self._marks:
            self._mark()

    def done(self, count: int, dues: Iterable[int] = ()) -> None:
        """`count` more events are done now; `dues` are the due times of those that have one, in nanoseconds since the epoch."""
        with self._lock:
            if self.open_loop:
                now = time.time_ns()
                for due in dues:
                    self._stamps.append(due)
                    self._stamps.append(now - due)
                if not self.count:
                    (self.folder / "started").touch()
            self.count += count
            self._cycles += 1
            if self.count >= self._next_mark:
                self._mark()
            if self.count >= self.events:
                self._report()

    def _mark(self) -> None:
        self._marks.append((self.count, time.perf_counter(), time.process_time()))
        self._next_mark = min(self.count + self.events // MARKS, self.events)

    def _report(self) -> NoReturn:
        with (self.folder / "stamps").open("wb") as stamps:
            self._stamps.tofile(stamps)
        part = self.folder / "report.part"
        part.write_text(json.dumps({"events": self.count, "cycles": self._cycles, "marks": self._marks}))
        part.rename(self.folder / "report.json")
        # Everything that is measured is over; an orderly end of the engine would only take time.
        os._exit(0)
