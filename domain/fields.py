"""Names the field that broke a rule, without ever showing what was sent in it."""

import re
from collections.abc import Iterable
from typing import Final

from pydantic import ValidationError

from domain.refusals import Refused
from domain.values.attribute_value import VALUE_TYPES

_ATTRIBUTE: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_FREE_MAPS: Final = frozenset(
    {
        "context",
        "custom_fields",
        "custom_preferences",
        "custom_segments",
        "engagement_patterns",
        "purchase_behavior",
    }
)
_HOLDERS_OF_FREE_VALUES: Final = frozenset({"data", "changes", "value"})


def dotted(path: Iterable[str | int]) -> str:
    """Path of a field. It ends where keys are free text, since those may hold personal data."""
    named: list[str] = []
    for part in path:
        if part in VALUE_TYPES:
            continue  # the member of the union that was tried, which is no field
        if isinstance(part, str) and _ATTRIBUTE.fullmatch(part) is None:
            break
        named.append(str(part))
        if part in _FREE_MAPS or (part == "value" and named[-2:-1] and named[-2] in _HOLDERS_OF_FREE_VALUES):
            break
    return ".".join(named) or "$"


def broken_rule(error: ValidationError, *prefix: str) -> tuple[str, str]:
    """Field and rule of the first error."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return dotted((*prefix, *first["loc"])), first["type"]


def invalid(field: str, rule: str) -> Refused:
    """The refusal of a command with a bad field."""
    return Refused("invalid_command", f"{field}: {rule}", field=field, rule=rule)
