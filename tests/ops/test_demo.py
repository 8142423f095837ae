"""`make demo` as a user runs it, and `person up` as an operator ends it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from local.stack import Endpoints

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_demo_loses_nothing_and_leaves_nothing_behind() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ops.demo"], cwd=REPOSITORY, capture_output=True, text=True, timeout=280, check=False
    )

    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    report = json.loads((REPOSITORY / "build/demo.json").read_text())
    assert (report["lost"], report["duplicated"], report["differences"]) == (0, 0, [])
    assert report["persons"] >= 50
    assert report["lifecycle"]["accepted"] == report["lifecycle"]["commands"]
    assert report["lifecycle"]["takeover_seconds"] < 10
    assert report["processes"]["sagas"] == {
        "archival Completed": 1,
        "onboarding Compensated": 1,
        "onboarding Completed": 5,
    }
    assert report["processes"]["policies"]["welcome-email-onboarded@1"] == 5
    assert report["processes"]["skills_found"] == ["Python", "Rust"]
    assert report["processes"]["cancelled"][-1] == "compensated"
    assert _processes_below(REPOSITORY / "build/demo") == []


@pytest.mark.slow
def test_up_writes_where_everything_is_and_ends_cleanly(tmp_path: Path) -> None:
    up = subprocess.Popen(
        [sys.executable, "-m", "ops.cli", "up", "--workers", "1", "--neighbours", "--data", str(tmp_path / "data")],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        stack = _await_stack_file(up, tmp_path)
        assert stack["nats_url"].startswith("nats://")
        assert len(stack["workers"]) == 1
        pids = [*stack["nats_pids"], *stack["kafka_pids"], stack["workers"][0]["pid"]]
        assert all(_alive(pid) for pid in pids)

        first_worker = stack["workers"][0]["pid"]
        os.kill(first_worker, signal.SIGKILL)
        found = tmp_path / "build/stack.json"
        deadline = time.monotonic() + 30
        while (again := json.loads(found.read_text())["workers"][0]["pid"]) == first_worker:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        pids[2] = again

        up.send_signal(signal.SIGINT)
        assert up.wait(30) == 0
        assert not any(_alive(pid) for pid in pids)
        assert not found.exists()
        said = (tmp_path / "data/logs/neighbours.log").read_text().splitlines()
        assert (said[0], said[-1]) == ("neighbours ready", "agent: nothing")
    finally:
        if up.poll() is None:
            up.kill()
            up.wait()
        assert up.stderr is not None
        up.stderr.close()


@pytest.mark.slow
def test_up_uses_the_servers_that_the_environment_names(tmp_path: Path, own_servers: Endpoints) -> None:
    up = subprocess.Popen(
        [sys.executable, "-m", "ops.cli", "up", "--workers", "1", "--data", str(tmp_path / "data")],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(REPOSITORY),
            "PERSON_NATS_URL": own_servers.nats_url,
            "PERSON_KAFKA_BOOTSTRAP": own_servers.kafka_bootstrap,
        },
        stdout=subprocess.DEVNULL,
    )
    try:
        stack = _await_stack_file(up, tmp_path)
        assert (stack["nats_url"], stack["kafka_bootstrap"]) == (own_servers.nats_url, own_servers.kafka_bootstrap)
        assert (stack["nats_pids"], stack["kafka_pids"]) == ([], [])
    finally:
        up.send_signal(signal.SIGINT)
        assert up.wait(30) == 0
    assert _alive(own_servers.nats_pid)
    assert _alive(own_servers.kafka_pid)


def _await_stack_file(up: subprocess.Popen[bytes], folder: Path) -> dict[str, Any]:
    found = folder / "build/stack.json"
    deadline = time.monotonic() + 60
    while not found.exists():
        assert up.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    stack: dict[str, Any] = json.loads(found.read_text())
    return stack


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _processes_below(folder: Path) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if str(folder) in command:
                found.append(command)
    return found
