"""What may be shown of the values that a policy reads: everything on demand, else nothing that is personal data."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import orjson
from pydantic import JsonValue

from domain.commands import COMMANDS
from domain.event_catalogue import EVENTS
from domain.policies.document import Effect
from domain.policies.expression import Expression
from domain.policies.names import CAUSE
from domain.policies.syntax_tree import paths

HIDDEN: Final = "(personal data: --show-data shows it)"

OPEN_COLUMNS: Final = frozenset(
    {
        "person_id",
        "status",
        "version",
        "created_at",
        "updated_at",
        "last_activity_at",
        "primary_email_component_id",
        "primary_phone_component_id",
        "current_organization_ids",
        "primary_location_id",
        "skills_count",
        "component_count",
        "component_types",
        "identity_level",
        "onboarding_state",
        "onboarding_run",
        "quality_flags",
        "redirect_to",
        "erased",
    }
)
"""Columns of a summary that say nothing about who the person is."""


def is_open(path: tuple[str, ...], effect: Effect, trigger: str) -> bool:
    """Whether the value under a path may be shown to everybody."""
    variable, rest = path[0], path[1:]
    if variable == "facts":
        return True
    if variable == "summary":
        return bool(rest) and rest[0] in OPEN_COLUMNS
    if not rest or rest[0] != "data":
        return bool(rest)
    return len(rest) > 1 and rest[1] in _open_fields(effect, trigger)


def reads_open(expression: Expression, effect: Effect, trigger: str) -> bool:
    """Whether an expression reads only what may be shown to everybody."""
    return all(is_open(path, effect, trigger) for _, path in paths(expression.tree.root))


def inputs_of(expression: Expression, values: dict[str, JsonValue]) -> dict[str, str | None]:
    """The paths that an expression reads, with their values as JSON; None for what has none."""
    found = {}
    for _, path in paths(expression.tree.root):
        value = _find(values, path)
        found[".".join(path)] = None if value is _NOTHING else orjson.dumps(value).decode()
    return dict(sorted(found.items()))


@cache
def _open_fields(effect: Effect, trigger: str) -> frozenset[str]:
    """Fields of a payload that are marked neither as personal data nor, of a command, are free text or values."""
    if CAUSE[effect] == "command":
        properties = COMMANDS[trigger].model.model_json_schema()["properties"]
        return frozenset(name for name, schema in properties.items() if _is_narrow(schema))
    properties = EVENTS[trigger].model.model_json_schema(by_alias=True)["properties"]
    return frozenset(name for name, schema in properties.items() if b"x-personal" not in orjson.dumps(schema))


def _is_narrow(schema: dict[str, Any]) -> bool:
    return "enum" in schema or schema.get("type") in ("integer", "boolean") or schema.get("format") == "uuid"


_NOTHING: Final[Any] = object()


def _find(values: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if not isinstance(values, dict) or name not in values:
            return _NOTHING
        values = values[name]
    return values
