"""A real Prometheus with the rules of this project, scraping workers of this machine; it needs `prometheus` on the PATH."""

from __future__ import annotations

import json
import shutil
import time
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from local.processes import ChildProcess
from ops.workers import Worker, free_port
from tests.monitoring.test_alerts_are_complete import FILES

JOB = "person-worker"
START_BUDGET_S = 30.0


class PrometheusMissingError(Exception):
    """There is no Prometheus on this machine."""


def find_prometheus() -> str:
    """Where the program is; raises PrometheusMissingError."""
    program = shutil.which("prometheus")
    if program is None:
        raise PrometheusMissingError("prometheus is not on the PATH; Debian's package `prometheus` has it")
    return program


class RealPrometheus:
    """Prometheus as a child process, a context manager; its data is in `folder`."""

    def __init__(self, team: Sequence[Worker], folder: Path, *, scrape_every_s: int = 1) -> None:
        program = find_prometheus()
        self._address = f"http://127.0.0.1:{free_port()}"
        folder.mkdir(parents=True, exist_ok=True)
        settings = folder / "prometheus.yml"
        settings.write_text(yaml.safe_dump(_settings(team, scrape_every_s)))
        self._process = ChildProcess(
            "prometheus",
            [
                program,
                f"--config.file={settings}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={self._address.removeprefix('http://')}",
            ],
            log=folder / "prometheus.log",
        )

    def __enter__(self) -> Self:
        self._process.start()
        deadline = time.monotonic() + START_BUDGET_S
        while True:
            try:
                urllib.request.urlopen(f"{self._address}/-/ready", timeout=1).close()
                return self
            except OSError:
                if not self._process.running or time.monotonic() > deadline:
                    self._process.kill()
                    raise
                time.sleep(0.1)

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._process.kill()

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series of an expression now."""
        asked = urllib.parse.urlencode({"query": expression})
        found: list[dict[str, Any]] = self._get(f"/api/v1/query?{asked}")["result"]
        return found

    def alerts(self) -> list[dict[str, Any]]:
        """Alerts that are pending or fire."""
        found: list[dict[str, Any]] = self._get("/api/v1/alerts")["alerts"]
        return found

    def rules(self) -> list[dict[str, Any]]:
        """All alert rules, with their health and the time that the last evaluation took."""
        return [rule for group in self._get("/api/v1/rules")["groups"] for rule in group["rules"]]

    def targets(self) -> list[dict[str, Any]]:
        """The workers as Prometheus sees them, with the time that the last scrape took."""
        found: list[dict[str, Any]] = self._get("/api/v1/targets")["activeTargets"]
        return found

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self._address}{path}", timeout=10) as reply:
            return json.load(reply)["data"]


def _settings(team: Sequence[Worker], scrape_every_s: int) -> dict[str, Any]:
    every = f"{scrape_every_s}s"
    targets = [f"127.0.0.1:{worker.port}" for worker in team]
    return {
        "global": {"scrape_interval": every, "evaluation_interval": every},
        "rule_files": [str(file) for file in FILES],
        "scrape_configs": [{"job_name": JOB, "static_configs": [{"targets": targets}]}],
    }
