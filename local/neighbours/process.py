"""The simulated neighbours as a child process, ready when `start` returns and gone when this process is."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from local.errors import StackError
from local.neighbours.streams import READY
from local.processes import ChildProcess

_BUDGET_S = 20.0
_POLL_S = 0.02
_ROOT = Path(__file__).parents[2]


class Neighbours:
    """All five neighbours on one server; a context manager. `config` is the file of their faults."""

    def __init__(self, nats_url: str, *, log: Path, config: Path | None = None) -> None:
        command = [sys.executable, "-m", "local.neighbours", "--nats-url", nats_url]
        if config is not None:
            command += ["--config", str(config.absolute())]
        environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
        self.process = ChildProcess("neighbours", command, log=log, env=environment, cwd=_ROOT)

    def start(self) -> None:
        """Start, also after an end, and return when all neighbours run; raises StackError with the reason otherwise."""
        begun = self.process.log.stat().st_size if self.process.log.exists() else 0
        self.process.start()
        deadline = time.monotonic() + _BUDGET_S
        while READY not in self.process.log.read_text()[begun:]:
            if not self.process.running:
                raise StackError(f"the neighbours ended: {self.process.last_log_line}")
            if time.monotonic() > deadline:
                self.process.kill()
                raise StackError(f"the neighbours did not start within {_BUDGET_S:g} s (log: {self.process.log})")
            time.sleep(_POLL_S)

    def stop(self) -> None:
        """Ask them to end and wait for it."""
        if self.process.running:
            self.process.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
