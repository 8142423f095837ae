"""Reads users of SCIM 2.0 (RFC 7643) from a file: a list response, a list, one user, or one user per line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from ops.importing.plan import ImportSourceError, Rejected

_USER: Final = "urn:ietf:params:scim:schemas:core:2.0:user"

Attributes = dict[str, Any]
"""The attributes of a user under lower-case names, since SCIM ignores their case; those without a value are left out."""


def read_users(path: Path) -> Iterator[tuple[int, Attributes] | Rejected]:
    """Number (or line) and attributes of each user. Raises ImportSourceError when the file holds none."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ImportSourceError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ImportSourceError(f"{path}: not UTF-8 text") from error
    try:
        documents = _users_of(json.loads(text))
    except json.JSONDecodeError as error:
        if not text.lstrip().startswith("{") or "\n" not in text.strip():
            raise ImportSourceError(f"{path}: line {error.lineno}: not JSON: {error.msg}") from error
        return _of_lines(path, text)
    if documents is None:
        raise ImportSourceError(f"{path}: no SCIM users: neither a list response nor a list of users")
    return _checked(path, enumerate(documents, 1))


def _users_of(document: Any) -> list[Any] | None:
    if isinstance(document, list):
        return document
    if not isinstance(document, dict):
        return None
    plain = _attributes(document)
    resources = plain.get("resources")
    if isinstance(resources, list):
        return resources
    return [document] if "username" in plain or _USER in _schemas(plain) else None


def _of_lines(path: Path, text: str) -> Iterator[tuple[int, Attributes] | Rejected]:
    # Split at line feeds only: JSON text may hold other characters that Python counts as line ends.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            document = json.loads(line)
        except json.JSONDecodeError:
            yield Rejected(f"{path.name}:{number}", "user: json", number)
            continue
        yield from _checked(path, [(number, document)])


def _checked(path: Path, documents: Any) -> Iterator[tuple[int, Attributes] | Rejected]:
    for number, document in documents:
        source_ref = f"{path.name}:{number}"
        if not isinstance(document, dict):
            yield Rejected(source_ref, "user: object", number)
            continue
        user = _attributes(document)
        schemas = _schemas(user)
        if schemas and _USER not in schemas:
            yield Rejected(source_ref, "schemas: not a SCIM 2.0 user", number)
            continue
        yield number, user


def _schemas(user: Attributes) -> list[str]:
    schemas = user.get("schemas")
    return [schema.lower() for schema in schemas if isinstance(schema, str)] if isinstance(schemas, list) else []


def _attributes(value: dict[str, Any]) -> Attributes:
    return {name.lower(): _plain(member) for name, member in value.items() if member is not None and member != ""}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return _attributes(value)
    return [_plain(item) for item in value] if isinstance(value, list) else value
