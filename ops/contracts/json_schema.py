"""JSON Schema of a model, made plain: no titles of fields, no null where a value is left out, no definition that nobody uses.

Guarantee: equal models give equal documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal

from pydantic import TypeAdapter

from domain.components.catalogue import COMPONENT_TYPES
from domain.personal import BY_TYPE

Schema = dict[str, Any]
Mode = Literal["validation", "serialization"]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
DEFS: Final = "#/$defs/"
TYPED_FIELDS: Final = ("data", "component_data")
"""Fields next to `component_type` that hold data of that type."""


def entering(model: Any) -> Schema:
    """What a client may send: closed, and a field without value is left out."""
    return _made(model, "validation", _without_nulls)


def written(model: Any) -> Schema:
    """What the system writes: open to fields of later releases, and a field without value is left out."""
    return _made(model, "serialization", lambda schema: _without_nulls(_opened(_without_redacted(schema))))


def shown(model: Any) -> Schema:
    """What a reader is shown: open to fields of later releases; a field without value is null."""
    return _made(model, "serialization", _opened)


def document(title: str, description: str, schema: Schema, **marks: Any) -> Schema:
    """A schema as a document of its own."""
    body = {name: part for name, part in schema.items() if name not in ("title", "description")}
    return {"$schema": DIALECT, "title": title, "description": description, **marks, **body}


def embedded(schema: Schema, defs: dict[str, Schema]) -> Schema:
    """A schema to be part of another one: its definitions go to `defs`."""
    defs.update(schema.get("$defs", {}))
    return {name: part for name, part in schema.items() if name != "$defs"}


def sub_schemas(schema: Any) -> Iterator[Schema]:
    """A schema and all schemas in it, the outer ones first."""
    if not isinstance(schema, dict):
        return
    yield schema
    for name, part in schema.items():
        if name in _MAPS and isinstance(part, dict):
            for member in part.values():
                yield from sub_schemas(member)
        elif name in _LISTS:
            for member in part:
                yield from sub_schemas(member)
        elif name in _SINGLE:
            yield from sub_schemas(part)


_MAPS: Final = frozenset({"properties", "$defs", "patternProperties"})
_LISTS: Final = frozenset({"anyOf", "allOf", "oneOf", "prefixItems"})
_SINGLE: Final = frozenset({"items", "additionalProperties", "propertyNames", "if", "then", "else", "not"})


def _made(model: Any, mode: Mode, plainer: Callable[[Schema], Schema]) -> Schema:
    adapter = TypeAdapter(model)
    schema = plainer(_plain(adapter.json_schema(mode=mode, by_alias=True, ref_template=DEFS + "{model}")))
    _type_components(schema, mode, plainer)
    _drop_titles(schema)
    return _with_used_definitions(schema)


def _type_components(schema: Schema, mode: Mode, plainer: Callable[[Schema], Schema]) -> None:
    """Let `component_type` say what the data next to it look like."""
    defs: dict[str, Schema] = {}
    for part in list(sub_schemas(schema)):
        fields = part.get("properties", {})
        if "component_type" not in fields:
            continue
        _value_of(fields["component_type"])["enum"] = sorted(COMPONENT_TYPES)
        if mode == "validation" and "changes" in fields:
            part["allOf"] = [
                _if_type(name, {"changes": {"propertyNames": {"enum": _sent_fields(name)}}})
                for name in sorted(COMPONENT_TYPES)
            ]
        for field in TYPED_FIELDS:
            if field in fields:
                fields[field] = {"type": "object", "x-personal": BY_TYPE, **_marks(fields[field])}
                part["allOf"] = [
                    _if_type(name, {field: {"$ref": DEFS + _component_name(name)}}) for name in sorted(COMPONENT_TYPES)
                ]
                for name in COMPONENT_TYPES:
                    data = plainer(
                        _plain(TypeAdapter(COMPONENT_TYPES[name]).json_schema(mode=mode, ref_template=DEFS + "{model}"))
                    )
                    if mode == "validation":
                        for derived in COMPONENT_TYPES[name].derived_fields:
                            del data["properties"][derived]
                    defs[_component_name(name)] = embedded(data, defs)
    if defs:
        schema["$defs"] = {**defs, **schema.get("$defs", {})}


def _plain(schema: Schema) -> Schema:
    """Without what says nothing: alternatives that differ in a constant need no discriminator, null is no default."""
    for part in sub_schemas(schema):
        if part.pop("discriminator", None) is not None:
            part["anyOf"] = part.pop("oneOf")
        if part.get("default", 0) is None:
            del part["default"]
    return schema


def _component_name(component_type: str) -> str:
    return COMPONENT_TYPES[component_type].__name__


def _sent_fields(component_type: str) -> list[str]:
    model = COMPONENT_TYPES[component_type]
    return sorted(model.model_fields.keys() - model.derived_fields)


def _if_type(component_type: str, fields: Mapping[str, Schema]) -> Schema:
    return {
        "if": {"properties": {"component_type": {"const": component_type}}, "required": ["component_type"]},
        "then": {"properties": dict(fields)},
    }


def _value_of(schema: Schema) -> Schema:
    """The alternative of a schema that is not null."""
    found: Schema = next((one for one in schema.get("anyOf", ()) if one.get("type") != "null"), schema)
    return found


def _marks(schema: Schema) -> Schema:
    return {name: part for name, part in schema.items() if name.startswith("x-") or name == "description"}


def _without_nulls(schema: Schema) -> Schema:
    for part in list(sub_schemas(schema)):
        _drop_alternatives(part, lambda one: one.get("type") == "null")
        if isinstance(part.get("default"), dict):
            part["default"] = {name: value for name, value in part["default"].items() if value is not None}
    return schema


def _without_redacted(schema: Schema) -> Schema:
    for part in list(sub_schemas(schema)):
        _drop_alternatives(part, lambda one: one.get("$ref") == DEFS + "Redacted")
    return schema


def _drop_alternatives(schema: Schema, unwanted: Callable[[Schema], bool]) -> None:
    if "anyOf" not in schema:
        return
    kept = [one for one in schema["anyOf"] if not unwanted(one)]
    if len(kept) == 1:
        del schema["anyOf"]
        # What was said of the whole goes before what is said of the one alternative that is left.
        schema.update({**kept[0], **schema})
    else:
        schema["anyOf"] = kept


def _opened(schema: Schema) -> Schema:
    for part in sub_schemas(schema):
        if part.get("additionalProperties") is False:
            del part["additionalProperties"]
    return schema


def _drop_titles(schema: Schema) -> None:
    for part in sub_schemas(schema):
        if isinstance(part.get("title"), str):
            del part["title"]


def _with_used_definitions(schema: Schema) -> Schema:
    defs: dict[str, Schema] = schema.pop("$defs", {})
    for part in [*sub_schemas(schema), *(part for one in defs.values() for part in sub_schemas(one))]:
        if part.get("$ref") == DEFS + "JsonValue":
            del part["$ref"]
        if part.get("additionalProperties") == {}:
            part["additionalProperties"] = True
    used: dict[str, Schema] = {}
    waiting = [schema]
    while waiting:
        for part in sub_schemas(waiting.pop()):
            name = part.get("$ref", "").removeprefix(DEFS)
            if name and name not in used:
                used[name] = defs[name]
                waiting.append(defs[name])
    return {**schema, "$defs": dict(sorted(used.items()))} if used else schema
