"""Where the running installation is: what `person up` wrote to build/stack.json, unless the environment says otherwise."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from config.settings import Settings

STACK_FILE = Path("build/stack.json")


@dataclass(frozen=True)
class WorkerProcess:
    """One worker as an operator finds it."""

    name: str
    pid: int
    http: str
    data: str


@dataclass(frozen=True)
class Installation:
    """Addresses and processes of a running installation; no process ids of servers that somebody else runs."""

    nats_url: str
    kafka_bootstrap: str
    data: str
    nats_pid: int | None
    kafka_pid: int | None
    workers: Sequence[WorkerProcess]

    def write(self, path: Path) -> None:
        """Replace the file as a whole, so that a reader never sees half of it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(asdict(self), indent=2) + "\n")
        temporary.replace(path)


def settings() -> Settings:
    """Settings of the environment; addresses that it leaves out come from a running `person up` in this folder."""
    given = Settings()
    if not STACK_FILE.exists():
        return given
    found = json.loads(STACK_FILE.read_text())
    update = {}
    if "PERSON_NATS_URL" not in os.environ:
        update["nats_url"] = found["nats_url"]
    if "PERSON_KAFKA_BOOTSTRAP" not in os.environ:
        update["kafka_bootstrap"] = found["kafka_bootstrap"]
    return given.model_copy(update=update)
