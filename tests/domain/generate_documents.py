"""Strategies for the JSON of any payload, made from its model: what a command may carry, and what the log may hold.

Ids come from small pools, so that commands and events meet each other's persons, components and links.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st
from pydantic import BaseModel, JsonValue

from domain.components.base import ComponentData
from domain.components.catalogue import COMPONENT_TYPES
from domain.ids import UUID_PATTERN
from domain.personal import Redacted
from domain.values.person_name import PersonName
from tests.domain.specification import ADA, GRACE, uuid

Document = st.SearchStrategy[dict[str, Any]]

IDS = st.sampled_from([uuid(f"component {number}") for number in range(4)])
PERSONS = st.sampled_from([*[GRACE, uuid("person 2")] * 4, ADA])
LINKS = st.sampled_from(["x-1", "x-2", "x-3"])
ROLES = st.sampled_from(["Analyst", "Author"])
DAYS = st.sampled_from(["1900-01-01", "2025-12-31", "2026-01-05"])
INSTANTS = st.sampled_from(["2025-01-01T00:00:00Z", "2026-01-05T10:00:00Z"])
WORDS = st.sampled_from(["a", "b", "welcome", "rust", "algebra", "chess", "law", "zig"])
NUMBERS = st.sampled_from([0, 0.5, 1])
NAMES: Document = st.sampled_from(["Ada", "Grace", "太郎"]).map(lambda given: {"given_names": [given]})
JSON: st.SearchStrategy[Any] = st.sampled_from([True, 7, "x", [1], {"k": 1}])
GROUPS = st.sampled_from(["identity", "contact", "profile", "health", "behaviour"])
# Types that other rules know by name come often, the others now and then.
TYPES = st.sampled_from(
    [*["EmailAddress", "Skill"] * 20, *["GitProfile", "Relationship", "BehavioralData"] * 4, *COMPONENT_TYPES]
)

OF_FIELD: Mapping[str, st.SearchStrategy[Any]] = {
    "target_person_id": PERSONS,
    "source_person_id": PERSONS,
    "other_person_id": PERSONS,
    "endorser_id": PERSONS,
    "via": PERSONS,
    "identity_id": LINKS,
    "location_id": LINKS,
    "organization_id": LINKS,
    "department_id": LINKS,
    "agent_id": LINKS,
    "role": ROLES,
    "old_role": ROLES,
    "new_role": ROLES,
    "component_type": TYPES,
    "address": st.sampled_from([*(f"m{number}@example.org" for number in range(8)), "c@bücher.example"]),
    "number": st.sampled_from(["+49301234567", "+4930765432"]),
    "extension": st.just("12"),
    "country_code": st.just("DE"),
    "currency": st.just("EUR"),
    "amount": st.just("12.50"),
    "timezone": st.just("Europe/Berlin"),
    "preferred_language": st.just("de"),
    "secondary_languages": st.just(["en"]),
    "username": st.sampled_from(["ada", "grace"]),
    "ip_address": st.just("192.0.2.1"),
    "sha256": st.just("0" * 64),
    "url": st.just("https://example.org/a"),
    "profile_url": st.just("https://example.org/b"),
    "handle": st.sampled_from(["@ada", "@grace"]),
    "country_calling_code": st.none(),
}
"""Fields whose values a model alone does not tell."""


def command_document(model: type[BaseModel]) -> Document:
    """What a client may send, mostly valid."""
    return _document(model, redacted=False)


def event_document(model: type[BaseModel]) -> Document:
    """What the log may hold: any personal field may be redacted."""
    return _document(model, redacted=True)


@cache
def _document(model: type[BaseModel], *, redacted: bool) -> Document:
    hints = get_type_hints(model, include_extras=True)
    required: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for name, field in model.model_fields.items():
        if name in getattr(model, "derived_fields", ()):
            continue
        wanted = required if field.is_required() else optional
        wanted[field.alias or name] = _of_field(name, hints[name], redacted)
    whole = st.fixed_dictionaries(required, optional=optional)
    data = next((name for name in ("data", "component_data") if name in required), None)
    return (
        whole if data is None or "component_type" not in required else whole.flatmap(_with_data_of_type(data, redacted))
    )


def _with_data_of_type(name: str, redacted: bool) -> Callable[[dict[str, Any]], Document]:
    def fill(document: dict[str, Any]) -> Document:
        typed = component_data(document["component_type"], redacted=redacted)
        return typed.map(lambda data: {**document, name: data})

    return fill


def component_data(component_type: str, *, redacted: bool = False) -> st.SearchStrategy[Any]:
    """Data of a component; in the log it may be redacted or broken too."""
    typed = _document(COMPONENT_TYPES[component_type], redacted=False)
    return typed if not redacted else typed | _hidden() | st.just({"email": "raw"})


def _hidden() -> Document:
    return GROUPS.map(lambda group: {"$redacted": group})


def _of_field(name: str, hint: Any, redacted: bool) -> st.SearchStrategy[Any]:
    if name in OF_FIELD:
        return OF_FIELD[name] | _hidden() if redacted and _may_be_redacted(hint) else OF_FIELD[name]
    return _of_type(hint, redacted)


def _may_be_redacted(hint: Any) -> bool:
    return hint is Redacted or any(_may_be_redacted(part) for part in get_args(hint) if get_origin(hint) is not Literal)


def _of_type(hint: Any, redacted: bool) -> st.SearchStrategy[Any]:
    if hint is JsonValue:
        return JSON
    if getattr(hint, "__value__", None) is not None:
        return _of_type(hint.__value__, redacted)
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return (
            IDS
            if any(getattr(mark, "pattern", None) == UUID_PATTERN for mark in parts[1:])
            else _of_type(parts[0], redacted)
        )
    if origin in (Union, UnionType):
        return st.one_of(
            *(_of_type(part, redacted) for part in parts if part is not NoneType and (redacted or part is not Redacted))
        )
    if origin is Literal:
        return st.sampled_from(parts)
    if origin is tuple:
        return st.lists(_of_type(parts[0], redacted), max_size=2)
    if origin is dict:
        return st.dictionaries(WORDS, _of_type(parts[1], redacted), max_size=1)
    return _of_class(hint, redacted)


def _of_class(hint: Any, redacted: bool) -> st.SearchStrategy[Any]:
    if hint is Redacted:
        return _hidden()
    if hint is ComponentData:
        return st.just({})
    if hint is PersonName:
        return NAMES
    if issubclass(hint, BaseModel):
        return st.deferred(lambda: _document(hint, redacted=redacted))
    if issubclass(hint, Enum):
        return st.sampled_from([member.value for member in hint])
    return _PLAIN[hint]


_PLAIN: Mapping[type, st.SearchStrategy[Any]] = {
    str: WORDS,
    bool: st.booleans(),
    int: st.integers(1, 3),
    float: NUMBERS,
    date: DAYS,
    datetime: INSTANTS,
}
