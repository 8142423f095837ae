"""An installation of its own for tests that kill: fresh servers, workers that the test starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.stack import Endpoints, Stack
from ops.up import stop_team
from ops.workers import Worker


@pytest.fixture
def own_servers(tmp_path: Path) -> Iterator[Endpoints]:
    """Fresh servers for one test."""
    with Stack(tmp_path / "stack") as running:
        yield running.endpoints


@pytest.fixture
def new_worker(own_servers: Endpoints, tmp_path: Path) -> Iterator[Callable[[str], Worker]]:
    """Makes workers on the fresh servers; all are stopped at the end."""
    made: list[Worker] = []

    def make(name: str) -> Worker:
        worker = Worker(
            name,
            nats_url=own_servers.nats_url,
            kafka_bootstrap=own_servers.kafka_bootstrap,
            data=tmp_path / name,
            logs=tmp_path / "logs",
        )
        made.append(worker)
        return worker

    yield make
    stop_team(made)
