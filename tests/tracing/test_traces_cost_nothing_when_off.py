"""While traces are off a worker runs exactly what it would run without them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from nats.aio.client import Client

from bridge.ingress import KafkaRecord
from lanes.agent import Batch, LaneAgent
from queries.endpoints import ENDPOINTS
from tracing.otlp import TracesUnavailableError, open_recorder
from tracing.worker import NoTraces, worker_traces

PROBE = """
import sys
import app
from queries.endpoints import ENDPOINTS
loaded = sorted(name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter", "tracing.")))
assert loaded == ["tracing.otlp", "tracing.worker"], loaded
assert type(app.app.nc).__module__ == "nats.aio.client"
traced = [one for agents in app.app.lanes._agents.values() for one in agents if type(one).__module__.startswith("tracing")]
assert traced == []
assert app.app._queries._endpoints is ENDPOINTS
opened = app.app._opened
assert opened.index.on_indexed == opened.processes.index.on_indexed == app.app._queries.on_session_over == []
"""


class Idle(LaneAgent):
    name = "idle"

    async def process(self, batch: Batch) -> None:
        """Nothing."""


def traces(**given: Any) -> NoTraces:
    return worker_traces(
        service="person", instance="here", version="1", foreign_topic="f", describe=lambda *_: {}, **given
    )


def test_everything_is_given_back_as_it_came() -> None:
    off = traces(on=False)
    agents = [Idle(), Idle()]
    told: Any = SimpleNamespace(on_indexed=[], on_session_over=[])

    async def write(topic: str, by_partition: dict[int, list[KafkaRecord]]) -> None:
        """Nothing."""

    assert type(off.client()) is Client
    assert off.agents("person.events", agents) is agents
    assert off.writer(write) is write
    assert off.questions(ENDPOINTS) is ENDPOINTS
    off.follow_index("person.events", told)
    off.follow_subscriptions(told)
    assert told.on_indexed == told.on_session_over == []
    assert off.recorder is None


def test_a_worker_with_traces_off_loads_no_opentelemetry_and_wraps_no_agent(tmp_path: Path) -> None:
    environment = {**os.environ, "PERSON_DATA_DIR": str(tmp_path), "PERSON_TRACES": "false"}
    done = subprocess.run(
        [sys.executable, "-c", PROBE],
        cwd=Path(__file__).parents[2],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_missing_packages_are_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)

    with pytest.raises(TracesUnavailableError, match=r"pip install 'person-stream\[tracing\]'"):
        open_recorder(service="person", instance="here", version="1")


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "many")

    with pytest.raises(TracesUnavailableError, match="OTEL_"):
        open_recorder(service="person", instance="here", version="1")
