"""The files of rights, by name, and how they are written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from config.settings import Settings
from ops.installation import routes_of
from ops.permissions.kafka_acls import acls, as_script
from ops.permissions.nats_roles import roles

PUBLISHED: Final = Path(__file__).parents[2] / "deploy" / "security"
"""Where the files of an installation with default settings are."""
NATS_CLAIMS: Final = "nats-roles.json"
KAFKA_SCRIPT: Final = "kafka-acls.sh"


def nats_file(role: str) -> str:
    """The name of the file with the rights of a role, for `permissions: { include "…" }` in the configuration of nats-server."""
    return f"nats/{role}.conf"


def files(settings: Settings) -> dict[str, str]:
    """The text of each file; raises RouteFileError for a file of routes that is wrong."""
    routes = routes_of(settings)
    found = roles(settings, routes)
    claims = {role.name: role.as_claims() for role in found}
    return {
        **{nats_file(role.name): role.as_configuration() for role in found},
        NATS_CLAIMS: json.dumps(claims, indent=2) + "\n",
        KAFKA_SCRIPT: as_script(acls(settings, routes)),
    }


def write(folder: Path, settings: Settings) -> list[Path]:
    """Write all files; returns their paths."""
    written = []
    for name, text in files(settings).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755 if name.endswith(".sh") else 0o644)
        written.append(path)
    return written
