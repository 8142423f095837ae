"""Component types under their present names; old spellings are read, never written."""

from collections.abc import Mapping
from typing import Any

from domain.components.catalogue import true_type


def with_current_type(data: Mapping[str, Any]) -> dict[str, Any]:
    """The data with the present name of its component type."""
    named = data.get("component_type")
    return {**data, "component_type": true_type(named)} if isinstance(named, str) else dict(data)
