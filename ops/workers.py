"""Workers as child processes: one command line, one data folder, one HTTP port and one log each."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
from pathlib import Path
from typing import Any

from local.processes import ChildProcess
from ops.installation import WorkerProcess
from ops.probe import opened

READY_BUDGET_S = 180.0


class WorkerError(Exception):
    """A worker did not start; the message says where to look."""


class Worker:
    """One worker process of an installation on this machine; `module` is what the process runs."""

    module = "ops.worker"

    def __init__(
        self,
        name: str,
        *,
        nats_url: str,
        kafka_bootstrap: str,
        data: Path,
        logs: Path,
        settings: dict[str, str] | None = None,
    ) -> None:
        self.name = name
        self.data = data
        self.port = free_port()
        self.log = logs / f"{name}.log"
        self._environment = {
            # Servers that were started for this installation are for whoever works on this machine.
            "PERSON_ACCESS": "open",
            **os.environ,
            "PERSON_NATS_URL": nats_url,
            "PERSON_KAFKA_BOOTSTRAP": kafka_bootstrap,
            "PERSON_DATA_DIR": str(data),
            "PERSON_HTTP_PORT": str(self.port),
            **(settings or {}),
        }
        scheme = "https" if self._environment.get("PERSON_HTTP_TLS_CERT_FILE") else "http"
        self.address = f"{scheme}://127.0.0.1:{self.port}"
        """Where its pages are."""
        self._process: ChildProcess | None = None

    def start(self) -> None:
        """Start the process; a second start after an end reuses data folder and port."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._process = ChildProcess(
            self.name,
            [sys.executable, "-m", self.module],
            log=self.log,
            env=self._environment,
            cwd=Path(__file__).parent.parent,
        )
        self._process.start()

    @property
    def started(self) -> bool:
        """Whether it was started at least once."""
        return self._process is not None

    def ask_to_end(self) -> None:
        """Ask a running process to end, without waiting for it."""
        if self.started and self.process.running:
            os.kill(self.process.pid, signal.SIGTERM)

    def await_end(self, budget_s: float = 15.0) -> None:
        """Wait until a process that was asked to end has ended; kill it when the budget is over."""
        if self.started and self.process.running:
            try:
                self.process.wait(budget_s)
            except subprocess.TimeoutExpired:
                self.process.kill()

    @property
    def process(self) -> ChildProcess:
        """The running or ended process."""
        assert self._process is not None, "the worker was not started"
        return self._process

    def page(self, path: str, timeout_s: float = 2.0) -> dict[str, Any]:
        """A JSON page of the worker; raises OSError while it does not answer."""
        try:
            with opened(self.address + path, timeout_s) as reply:
                body: dict[str, Any] = json.load(reply)
        except urllib.error.HTTPError as error:
            with error:
                body = json.load(error)
        return body

    def ready(self) -> bool:
        """Whether the worker owns partitions, has recovered and serves."""
        try:
            return bool(self.page("/readyz", timeout_s=10.0).get("ready"))
        except (OSError, ValueError):
            return False

    def await_ready(self, budget_s: float = READY_BUDGET_S) -> None:
        """Wait until it is ready; raises WorkerError when it ended or took too long."""
        deadline = time.monotonic() + budget_s
        while not self.ready():
            if not self.process.running:
                raise WorkerError(
                    f"{self.name} ended with code {self.process.returncode}: {self.process.last_log_line}"
                )
            if time.monotonic() > deadline:
                raise WorkerError(f"{self.name} is not ready after {budget_s:g} s; its log is {self.log}")
            time.sleep(0.1)

    def described(self) -> WorkerProcess:
        """How others find it."""
        return WorkerProcess(self.name, self.process.pid, self.address, str(self.data))


def free_port() -> int:
    """A TCP port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
