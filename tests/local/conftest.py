"""Owns what the tests of the embedded stack share: one running stack, programs in the foreground, their ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.stack import Stack

ROOT = Path(__file__).parents[2]

Run = Callable[..., subprocess.Popen[str]]
Ended = Callable[..., bool]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One running stack for the tests of a module; each leaves both servers running."""
    with Stack(tmp_path_factory.mktemp("shared") / "dätä, of {all}") as running:
        yield running


@pytest.fixture
def run() -> Iterator[Run]:
    """Start a Python program of this project; what still runs at the end of the test is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        program = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(program)
        return program

    yield start
    for program in started:
        if program.poll() is None:
            program.send_signal(signal.SIGKILL)
        program.communicate()


@pytest.fixture
def ended() -> Ended:
    """Whether all the processes end within the time."""

    def wait(*processes: int, within: float = 30.0) -> bool:
        deadline = time.monotonic() + within
        while any(_runs(process) for process in processes):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    return wait


def _runs(process: int) -> bool:
    # A zombie has ended; only its new parent has not asked for the exit code yet.
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True)
    return bool(shown.stdout.strip()) and not shown.stdout.startswith("Z")
