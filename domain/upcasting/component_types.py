"""Old spellings of component types; they are read, never written."""

from collections.abc import Mapping
from typing import Any, Final

ALIASES: Final[Mapping[str, str]] = {"Email": "EmailAddress", "Phone": "PhoneNumber"}


def with_current_type(data: Mapping[str, Any]) -> dict[str, Any]:
    """The data with the present name of its component type."""
    named = data.get("component_type")
    return {**data, "component_type": ALIASES[named]} if isinstance(named, str) and named in ALIASES else dict(data)
