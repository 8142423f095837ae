"""What this machine has: room for tables, the interpreter, and the libraries in the versions that the release was tested with."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement

from ops.doctor.finding import Finding, good

NEEDED_BYTES = 1 << 30
SPARE_SHARE = 0.1
"""RocksDB needs room beside the tables while it rewrites them."""
PROJECT = "person-stream"


def disk_finding(folder: Path) -> Finding:
    """Room where a worker of this machine keeps its tables; the folder need not exist yet."""
    while not folder.exists():
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    return room_finding("disk", usage.free, usage.total)


def room_finding(check: str, free: int, total: int) -> Finding:
    """What is left of a disk or of a limit, in bytes."""
    found = f"{free >> 20} MiB of {total >> 20} MiB are free"
    if free < NEEDED_BYTES:
        return Finding(
            check,
            "error",
            found,
            "writes fail when it is full; a worker stops then and loses nothing, but serves nobody",
            "free at least 1 GiB, or move the folder (PERSON_DATA_DIR for tables)",
        )
    if free < SPARE_SHARE * total:
        return Finding(check, "warning", found, "it will be full before long", "make room while there is time")
    return good(check, found)


def python_finding(running: tuple[int, ...] = sys.version_info[:3]) -> Finding:
    """Whether the interpreter is one that is supported."""
    found = f"Python {'.'.join(map(str, running))}"
    if running < (3, 11):
        return Finding(
            "python", "error", found, "the release needs Python 3.11", "make the environment with a newer one"
        )
    return good("python", found)


def library_findings(requirements: Iterable[str] | None = None) -> Iterable[Finding]:
    """Libraries that are missing or are not in the version that the release names."""
    try:
        named = requires(PROJECT) or [] if requirements is None else requirements
    except PackageNotFoundError:
        yield Finding(
            "libraries", "info", f"{PROJECT} is not installed as a package, so its requirements are not known here"
        )
        return
    wrong = [line for line in map(_wrong, map(Requirement, named)) if line is not None]
    if wrong:
        yield Finding(
            "libraries",
            "error",
            "; ".join(wrong),
            "parts of Faust and its clients are replaced, which is right for the named versions alone",
            "install the locked requirements again: make setup",
        )
    else:
        yield good("libraries", "as the release names them")


def _wrong(requirement: Requirement) -> str | None:
    if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
        return None
    try:
        found = version(requirement.name)
    except PackageNotFoundError:
        return f"{requirement.name} is missing"
    if requirement.specifier.contains(found, prereleases=True):
        return None
    return f"{requirement.name} is {found}, needed is {requirement.specifier}"
