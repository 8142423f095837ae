"""Documents of policies in files: TOML, where texts may run over several lines, or JSON."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Final

import orjson

VERSION: Final = "version"


class PolicyFileError(Exception):
    """A file holds no document; the message says what to do."""


def read_policy_file(path: Path) -> dict[str, Any]:
    """The document in a file. A condition over several lines becomes one; nothing else is changed. Raises PolicyFileError."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise PolicyFileError(f"{path} cannot be read: {error.strerror or type(error).__name__}") from None
    except UnicodeDecodeError:
        raise PolicyFileError(f"{path} cannot be read: it is no UTF-8 text") from None
    try:
        found: Any = orjson.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except ValueError as error:
        kind = "JSON" if path.suffix == ".json" else "TOML"
        raise PolicyFileError(f"{path} is no {kind}: {error}") from None
    if not isinstance(found, dict):
        raise PolicyFileError(f"{path} holds no object")
    condition = found.get("condition")
    if isinstance(condition, str) and "\n" in condition:
        if "//" in condition:
            raise PolicyFileError(f"{path}: condition: comments stand outside of an expression that has several lines")
        found["condition"] = " ".join(condition.split())
    return found
