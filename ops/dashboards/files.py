"""The dashboards as files. Equal code gives equal bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from ops.dashboards.bridge import bridge
from ops.dashboards.lanes import lanes
from ops.dashboards.overview import overview
from ops.dashboards.processes import processes
from ops.dashboards.workers import workers

FOLDER = Path(__file__).parents[2] / "config" / "dashboards"


def made() -> Mapping[str, str]:
    """The text of each file by its name."""
    built = [make().build() for make in (overview, lanes, bridge, processes, workers)]
    return {
        f"{one.uid}.json": json.dumps(one, cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        for one in built
    }


def differing(folder: Path = FOLDER) -> list[str]:
    """Names of files in the folder that are missing, different or too many."""
    files = made()
    held = {path.name: path.read_text() for path in folder.glob("*.json")}
    return sorted(name for name in files.keys() | held.keys() if files.get(name) != held.get(name))


def write(folder: Path = FOLDER) -> list[str]:
    """Write what differs and remove what is too much; returns the names."""
    changed, files = differing(folder), made()
    folder.mkdir(parents=True, exist_ok=True)
    for name in changed:
        if name in files:
            (folder / name).write_text(files[name])
        else:
            (folder / name).unlink()
    return changed
