"""Runs the `person` command as a user does: as a process of its own, which need not import everything again."""

from __future__ import annotations

import json
import os
import subprocess
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


@pytest.fixture
def person_alone(person_program: Path) -> Person:
    """The command without a running installation."""

    def run(*arguments: str, environment: dict[str, str] | None = None) -> Ran:
        done = subprocess.run(
            [person_program, *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), **(environment or {})},
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def person(team: object, servers: Endpoints, person_alone: Person) -> Person:
    """The command against the shared installation."""

    addresses = {"PERSON_NATS_URL": servers.nats_url, "PERSON_KAFKA_BOOTSTRAP": servers.kafka_bootstrap}

    def against(*arguments: str, environment: dict[str, str] | None = None) -> Ran:
        return person_alone(*arguments, environment={**addresses, **(environment or {})})

    return against
