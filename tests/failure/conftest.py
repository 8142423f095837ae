"""Workers that a test starts and kills, on servers of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.stack import Endpoints
from ops.workers import Worker
from tests.short_lived import kill_team


@pytest.fixture
def new_worker(own_servers: Endpoints, tmp_path: Path) -> Iterator[Callable[[str], Worker]]:
    """Makes workers on the fresh servers; all are killed at the end."""
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
    kill_team(made)
