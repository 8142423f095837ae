"""Runs the `person` command as a user does: as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.stack import Endpoints

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ran:
    """A finished verb."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Person = Callable[..., Ran]


def run(*arguments: str, environment: dict[str, str] | None = None, cwd: Path = REPOSITORY) -> Ran:
    done = subprocess.run(
        [sys.executable, "-m", "ops.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **(environment or {})},
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def person_alone() -> Person:
    """The command without a running installation."""
    return run


@pytest.fixture
def person(team: object, servers: Endpoints) -> Person:
    """The command against the shared installation."""

    def against(*arguments: str) -> Ran:
        return run(
            *arguments,
            environment={"PERSON_NATS_URL": servers.nats_url, "PERSON_KAFKA_BOOTSTRAP": servers.kafka_bootstrap},
        )

    return against
