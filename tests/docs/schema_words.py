"""A schema in words: one short rule per field, for the tables of the reference."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from domain.components.catalogue import COMPONENT_TYPES
from domain.ids import UUID_PATTERN
from domain.values.rules import NOT_BLANK
from ops.contracts.json_schema import DEFS

VALUES_PAGE: Final = "values.md"
COMPONENTS_PAGE: Final = "components.md"
_COMPONENTS: Final = {model.__name__: name for name, model in COMPONENT_TYPES.items()}


def rule_of(schema: Any, defs: Mapping[str, Any] | None = None) -> str:
    """What a value of the schema is, with its default. With `defs`, an object is told by its members instead of a link."""
    words = _value(_spelled(schema, defs) if defs is not None else schema)
    if isinstance(schema, dict) and schema.get("default", []) not in ([], {}, ""):
        words += f"; default `{json.dumps(schema['default'], ensure_ascii=False)}`"
    return words.replace("|", "\\|")


def _spelled(schema: Any, defs: Mapping[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_spelled(part, defs) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        found = defs[schema["$ref"].removeprefix(DEFS)]
        return {"members": list(found["properties"])} if "properties" in found else found
    return {name: _spelled(part, defs) for name, part in schema.items()}


def _value(schema: Any) -> str:
    if not isinstance(schema, dict):
        return "any JSON value"
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(DEFS)
        if name in _COMPONENTS:
            return f"the data of [{_COMPONENTS[name]}]({COMPONENTS_PAGE}#{_COMPONENTS[name].lower()})"
        return f"[{name}]({VALUES_PAGE}#{name.lower()})"
    if "members" in schema:
        return f"an object: {', '.join(f'`{name}`' for name in schema['members'])}"
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema:
        options = [_value(one) for one in schema["anyOf"]]
        return " or ".join(dict.fromkeys(options))
    told = _KINDS.get(str(schema.get("type")))
    return "any JSON value" if told is None else told(schema)


def _text(schema: dict[str, Any]) -> str:
    pattern, form = schema.get("pattern"), schema.get("format")
    if form == "date":
        return "a day, `YYYY-MM-DD`"
    if form == "date-time":
        return "an instant, RFC 3339"
    if pattern == UUID_PATTERN:
        return "a UUID"
    words = {"uri": "an absolute http or https address", "idn-email": "an e-mail address"}.get(str(form), "a text")
    if pattern == NOT_BLANK:
        words += ", not blank"
    elif pattern is not None and form is None:
        words += f" like `{pattern}`"
    return words + _bounds(schema, "minLength", "maxLength", "characters")


def _bounds(schema: dict[str, Any], least: str, most: str, unit: str = "") -> str:
    low, high = schema.get(least), schema.get(most)
    unit = f" {unit}" if unit else ""
    if low is not None and high is not None:
        return f", {low:.15g} to {high:.15g}{unit}"
    if high is not None:
        return f", at most {high:.15g}{unit}"
    return "" if low is None else f", at least {low:.15g}{unit}"


def _list(schema: dict[str, Any]) -> str:
    return f"a list, each {_value(schema.get('items', True))}" + _bounds(schema, "minItems", "maxItems", "items")


def _object(schema: dict[str, Any]) -> str:
    further = schema.get("additionalProperties")
    if isinstance(further, dict):
        return f"an object, each value {_value(further)}"
    return "an object"


_KINDS: Final[Mapping[str, Callable[[dict[str, Any]], str]]] = {
    "string": _text,
    "integer": lambda schema: "a whole number" + _bounds(schema, "minimum", "maximum"),
    "number": lambda schema: "a number" + _bounds(schema, "minimum", "maximum"),
    "boolean": lambda _: "`true` or `false`",
    "null": lambda _: "`null`",
    "array": _list,
    "object": _object,
}
