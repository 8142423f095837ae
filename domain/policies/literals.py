"""Finds comparisons with constants that can never hold: a misspelt status, a number compared with a text.

The engine knows the members of variables as anything, so it takes `summary.status == 'active'`, which is false for ever.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final, NamedTuple, get_args

from pydantic import BaseModel

from domain.commands import COMMANDS
from domain.components.catalogue import COMPONENT_TYPES
from domain.event_catalogue import EVENTS
from domain.policies.document import Effect
from domain.policies.syntax_tree import Call, Constant, ListOf, Node, path_of, walk
from domain.relations import VerificationLevel
from domain.status import Status
from domain.values.person_name import NamingConvention


class Kind(NamedTuple):
    """What a member may be in JSON: the names of its types, and its values if there are only some."""

    types: frozenset[str]
    values: frozenset[Any] | None = None


class Mistake(NamedTuple):
    """A comparison that never holds: the rule, the part that is to blame, and why."""

    rule: str
    node: Node
    explanation: str


def mistakes(root: Node, effect: Effect, trigger: str) -> Iterator[Mistake]:
    """The comparisons of an expression that can never hold."""
    for node in walk(root):
        if not isinstance(node, Call) or len(node.arguments) != 2:
            continue
        first, second = node.arguments
        if node.function in _COMPARISONS:
            yield from _compared(first, (second,), effect, trigger)
            yield from _compared(second, (first,), effect, trigger)
        elif node.function == "@in" and isinstance(second, ListOf):
            yield from _compared(first, second.elements, effect, trigger)


_COMPARISONS: Final = frozenset({"_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_"})
_TEXT: Final = Kind(frozenset({"string"}))
_WHOLE: Final = Kind(frozenset({"integer"}))
_FLAG: Final = Kind(frozenset({"boolean"}))
_LIST: Final = Kind(frozenset({"array"}))
_TYPE_NAMES: Final = Kind(frozenset({"string"}), frozenset(COMPONENT_TYPES))
_CAUSE: Final[Mapping[str, Kind]] = {
    **dict.fromkeys(("id", "subject", "time", "actor", "correlationid"), _TEXT),
    "sequence": _WHOLE,
    "depth": _WHOLE,
    "data": Kind(frozenset({"object"})),
}
_SUMMARY: Final[Mapping[str, Kind]] = {
    "status": Kind(frozenset({"string"}), frozenset(status.value for status in Status)),
    "identity_level": Kind(frozenset({"string"}), frozenset(get_args(VerificationLevel))),
    **dict.fromkeys(("version", "skills_count", "component_count", "onboarding_run"), _WHOLE),
    **dict.fromkeys(("component_types", "current_organization_ids", "quality_flags"), _LIST),
    "erased": _FLAG,
}
_FACTS: Final[Mapping[str, Kind]] = {
    "email_valid": _FLAG,
    "phone_valid": _FLAG,
    "name_shortest_part": _WHOLE,
    "name_convention": Kind(frozenset({"string"}), frozenset(get_args(NamingConvention))),
    "same_type_count": _WHOLE,
    "granted": _LIST,
}


def _compared(read: Node, others: tuple[Node, ...], effect: Effect, trigger: str) -> Iterator[Mistake]:
    path = path_of(read)
    kind = None if path is None else _kind(path, effect, trigger)
    if path is None or kind is None:
        return
    for other in others:
        if not isinstance(other, Constant) or other.value is None:
            continue
        name = ".".join(path)
        if not _types(other.value) & kind.types:
            yield Mistake(
                "type", other, f"{name} is {' or '.join(sorted(kind.types - {'null'}))}, and never {other.value!r}"
            )
        elif kind.values is not None and other.value not in kind.values:
            there_are = ", ".join(sorted(map(str, kind.values)))
            yield Mistake("unknown_value", other, f"{name} is never {other.value!r}; there are: {there_are}")


def _types(value: object) -> frozenset[str]:
    if isinstance(value, bool):
        return frozenset({"boolean"})
    if isinstance(value, int | float):
        return frozenset({"integer", "number"})
    return frozenset({"string"}) if isinstance(value, str) else frozenset()


def _kind(path: tuple[str, ...], effect: Effect, trigger: str) -> Kind | None:
    if len(path) == 2:
        if path[0] == "summary":
            return _SUMMARY.get(path[1])
        if path[0] == "facts":
            return _FACTS.get(path[1])
        if path[1] == "type":
            return Kind(frozenset({"string"}), frozenset({trigger}))
        return _CAUSE.get(path[1])
    if len(path) == 3 and path[1] == "data":
        if path[2] == "component_type":
            return _TYPE_NAMES
        return _payload((EVENTS[trigger] if effect == "send" else COMMANDS[trigger]).model).get(path[2])
    return None


@cache
def _payload(model: type[BaseModel]) -> Mapping[str, Kind]:
    schema = model.model_json_schema(by_alias=True)
    definitions = schema.get("$defs", {})
    found = {name: _of_schema(member, definitions) for name, member in schema.get("properties", {}).items()}
    return {name: kind for name, kind in found.items() if kind is not None}


def _of_schema(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Kind | None:
    """What a schema allows; None if that is anything."""
    if "$ref" in schema:
        return _of_schema(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions)
    for word in ("anyOf", "oneOf"):
        if word in schema:
            kinds = [_of_schema(one, definitions) for one in schema[word]]
            known = [kind for kind in kinds if kind is not None]
            if len(known) < len(kinds):
                return None
            return Kind(frozenset[str]().union(*(kind.types for kind in known)), _joined(known))
    values = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if values is not None:
        return Kind(frozenset[str]().union(*map(_types, values)), frozenset(values))
    types = schema.get("type")
    return Kind(frozenset({types})) if isinstance(types, str) else None


def _joined(kinds: list[Kind]) -> frozenset[Any] | None:
    """Values of all kinds together; those without are no text and no number, or there is no bound."""
    scalars = [kind for kind in kinds if not kind.types <= {"null", "object", "array"}]
    if any(kind.values is None for kind in scalars):
        return None
    return frozenset[Any]().union(*(kind.values for kind in scalars if kind.values is not None)) if scalars else None
