"""Where the running installation is: what `person up` wrote to build/stack.json, unless the environment says otherwise."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bridge.route_file import Limits, read_routes
from bridge.routes import Route
from config.generations import routes_of_generation
from config.routes import FED_TOPICS, PACKAGED, ROUTERS
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
    """Addresses and processes of a running installation; no replicas and process ids of servers that somebody else runs."""

    nats_url: str
    kafka_bootstrap: str
    data: str
    replicas: int | None
    nats_pids: Sequence[int]
    kafka_pids: Sequence[int]
    workers: Sequence[WorkerProcess]

    def write(self, path: Path) -> None:
        """Replace the file as a whole, so that a reader never sees half of it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(asdict(self), indent=2) + "\n")
        temporary.replace(path)


def settings() -> Settings:
    """Settings of the environment; addresses and replicas that it leaves out come from a running `person up` in this folder.

    Servers of that kind are for whoever works on this machine: nobody needs a grant there, unless the environment says so.
    """
    given = Settings()
    if not STACK_FILE.exists():
        return given
    found = json.loads(STACK_FILE.read_text())
    update: dict[str, object] = {}
    if "PERSON_NATS_URL" not in os.environ:
        update["nats_url"] = found["nats_url"]
        if not {"PERSON_ACCESS", "PERSON_GRANTS_FILE"} & os.environ.keys():
            update["access"] = "open"
    if "PERSON_KAFKA_BOOTSTRAP" not in os.environ:
        update["kafka_bootstrap"] = found["kafka_bootstrap"]
    if "PERSON_REPLICAS" not in os.environ and found["replicas"] is not None:
        update["replicas"] = found["replicas"]
    return given.model_copy(update=update)


def routes_of(settings: Settings) -> list[Route]:
    """The routes of the installation as the generation of the settings carries them; raises RouteFileError with file, line and rule."""
    limits = Limits(settings.partitions, FED_TOPICS, ROUTERS)
    routes = read_routes(settings.routes_file or PACKAGED, PACKAGED, limits)
    return routes_of_generation(routes, settings.generation, settings.partitions, settings.stored_partitions)
