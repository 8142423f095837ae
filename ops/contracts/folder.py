"""The folder of contracts: writes the documents, says what in it differs from the code, and keeps what was released.

Guarantee: writing twice changes nothing; a release is refused when it breaks the last one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from domain.upcasting.upcast import WAYS
from ops.contracts.asyncapi import asyncapi
from ops.contracts.compatibility import Breach, breaches
from ops.contracts.documents import documents
from ops.contracts.json_schema import Schema

SCHEMAS: Final = "schemas"
RELEASED: Final = "released"
ASYNCAPI: Final = "asyncapi.json"


def write(folder: Path) -> list[str]:
    """Write what differs, remove what is no more; returns the paths that changed."""
    made = _made()
    changed = differences(folder)
    for name in changed:
        path = folder / name
        if name in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(made[name])
        else:
            path.unlink()
    return changed


def differences(folder: Path) -> list[str]:
    """Paths in the folder that are not what the code makes."""
    made = _made()
    found = {str(path.relative_to(folder)) for path in (folder / SCHEMAS).rglob("*.json")}
    stale = found - made.keys()
    return sorted(
        {name for name, body in made.items() if not (folder / name).exists() or (folder / name).read_bytes() != body}
        | stale
    )


def broken(folder: Path) -> list[Breach]:
    """What the code breaks of the released schemas."""
    return list(breaches(released(folder), documents(), has_upcaster))


def release(folder: Path) -> None:
    """Keep the schemas of the code as released. Call it only when nothing is broken."""
    for path in (folder / RELEASED).rglob("*.json"):
        path.unlink()
    for name, schema in documents().items():
        path = folder / RELEASED / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(schema))


def released(folder: Path) -> dict[str, Schema]:
    """The released schemas by their path."""
    root = folder / RELEASED
    return {str(path.relative_to(root)): json.loads(path.read_text()) for path in sorted(root.rglob("*.json"))}


def has_upcaster(event_type: str, version: int) -> bool:
    """Whether stored events of a type and version have a way to current ones."""
    return (event_type, version) in WAYS


def encoded(body: Any) -> bytes:
    """The bytes of a document."""
    return (json.dumps(body, ensure_ascii=False, indent=1) + "\n").encode()


def _made() -> dict[str, bytes]:
    made = {f"{SCHEMAS}/{name}": encoded(schema) for name, schema in documents().items()}
    return {**made, ASYNCAPI: encoded(asyncapi())}
