"""Which adapter a worker puts behind the port, from its settings."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Literal, NamedTuple

from queries.authorisation.grants import read_grants
from queries.authorisation.port import Authorise, closed_to_all, open_to_all


class Adapter(NamedTuple):
    """The port as this worker has it, and whose an HTTP token is."""

    authorise: Authorise
    principal_of: Callable[[str], str | None]


def adapter_of(access: Literal["granted", "open"], grants_file: Path | None, *, queries: Collection[str]) -> Adapter:
    """Grants of a file, else nobody, unless access is open; raises AccessSettingError for a file that is wrong."""
    if access == "open":
        return Adapter(open_to_all, _nobodys)
    if grants_file is None:
        return Adapter(closed_to_all, _nobodys)
    grants = read_grants(grants_file, known_queries=queries)
    return Adapter(grants, grants.principal_of)


def _nobodys(_token: str) -> None:
    return None
