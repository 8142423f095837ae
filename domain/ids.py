"""Identifiers of the domain. Every id that is not sent by a client is derived, so repeating work repeats ids."""

import re
from typing import Annotated, Final
from uuid import UUID, uuid5

from pydantic import StringConstraints

NS: Final = UUID("78e8a334-2063-5e73-a4f6-f34b7907d384")
"""Namespace of this domain: UUIDv5 of ``urn:person-domain:1`` in the URL namespace."""

UUID_PATTERN: Final = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
Uuid = Annotated[str, StringConstraints(pattern=UUID_PATTERN)]
"""A canonical UUID (lower case, hyphenated) as text."""

POLICY_ID_PATTERN: Final = r"^[a-z][a-z0-9-]{2,63}$"
PolicyId = Annotated[str, StringConstraints(pattern=POLICY_ID_PATTERN)]
"""The name of a policy: a slug with hyphens."""

_CANONICAL = re.compile(UUID_PATTERN[1:-1])
_POLICY_ID = re.compile(POLICY_ID_PATTERN[1:-1], re.ASCII)
_RESERVED = frozenset({"00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"})


def derive(namespace: str | UUID, text: str) -> str:
    """UUIDv5 of `text` in `namespace`, in canonical form."""
    return str(uuid5(namespace if isinstance(namespace, UUID) else UUID(namespace), text))


def is_uuid(text: object) -> bool:
    """Whether `text` is a canonical UUID."""
    return isinstance(text, str) and _CANONICAL.fullmatch(text) is not None


def is_person_id(text: object) -> bool:
    """Whether `text` is a canonical UUID other than nil and max."""
    return is_uuid(text) and text not in _RESERVED


def is_policy_id(text: object) -> bool:
    """Whether `text` names a policy."""
    return isinstance(text, str) and _POLICY_ID.fullmatch(text) is not None


def saga_id_of(business_key: str) -> str:
    """Id of the saga with a business key, which begins with the name of the saga: one key, one saga."""
    return derive(NS, f"saga:{business_key}")
