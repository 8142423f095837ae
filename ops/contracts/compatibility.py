"""The compatibility gate: what a change of a schema breaks for those who rely on the released one.

Guarantee: a breach names the document, the field and the rule. What enters may only get wider, what goes out may only get richer;
an event must still be readable as it was stored, unless its version rose and there is a way up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from ops.contracts import paths
from ops.contracts.json_schema import DEFS, Schema

ASKED_FOR: Final = "x-asked-for"
"""Marks a form that only those are shown who ask for it by this name: it may be added to others."""

HasUpcaster = Callable[[str, int], bool]
"""Whether an event type of a version has a way to the current one."""


class Breach(NamedTuple):
    """One rule that a change breaks in one field of one document. An empty field is the document itself."""

    document: str
    field: str
    rule: str

    def __str__(self) -> str:
        return f"{self.document}: {self.field}: {self.rule}" if self.field else f"{self.document}: {self.rule}"


def breaches(
    released: Mapping[str, Schema], current: Mapping[str, Schema], has_upcaster: HasUpcaster
) -> Iterator[Breach]:
    """What the current documents break. Documents are keyed by their path below ``schemas/``."""
    for path, old in sorted(released.items()):
        if path not in current:
            yield Breach(path, "", "was removed")
            continue
        new = current[path]
        direction = _direction(path)
        if direction == _STORED:
            version, risen = old["x-dataversion"], new["x-dataversion"]
            if old.get("x-subject") != new.get("x-subject"):
                yield Breach(path, "x-subject", "a subject never changes")
            if risen < version:
                yield Breach(path, "x-dataversion", f"fell from {version} to {risen}")
                continue
            if risen > version:
                if not has_upcaster(old["x-type"], version):
                    yield Breach(path, "x-dataversion", f"rose to {risen}, and version {version} has no upcaster")
                continue
        for field, rule in _compared(_Pair(old, new, old, new), direction, "", set()):
            yield Breach(path, field, rule)


_ENTERING, _SHOWN, _STORED = "entering", "shown", "stored"


def _direction(path: str) -> str:
    folder, name = path.split("/")[0], path.rsplit("/", 1)[-1]
    if folder in ("events", "saga-events", "rule-events"):
        return _STORED
    taken = folder in ("commands", "components") or path.startswith(paths.FOREIGN_EVENTS)
    return _ENTERING if taken or name.endswith(".request.json") else _SHOWN


class _Pair(NamedTuple):
    """An old and a new schema, and the documents that their references point into."""

    old: Any
    new: Any
    old_root: Schema
    new_root: Schema

    def part(self, old: Any, new: Any) -> _Pair:
        return _Pair(old, new, self.old_root, self.new_root)

    def resolved(self) -> _Pair:
        return self.part(_resolved(self.old, self.old_root), _resolved(self.new, self.new_root))


def _resolved(schema: Any, root: Schema) -> Any:
    if isinstance(schema, dict) and schema.get("$ref", "").startswith(DEFS):
        beside = {name: part for name, part in schema.items() if name != "$ref"}
        return {**root["$defs"][schema["$ref"].removeprefix(DEFS)], **beside}
    return schema


def _compared(pair: _Pair, direction: str, field: str, seen: set[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    refs = tuple(part.get("$ref", "") if isinstance(part, dict) else "" for part in (pair.old, pair.new))
    if all(refs):
        if (refs[0], refs[1]) in seen:
            return
        seen = seen | {(refs[0], refs[1])}
    pair = pair.resolved()
    if pair.old == pair.new and pair.old_root.get("$defs") == pair.new_root.get("$defs"):
        return
    if not isinstance(pair.old, dict) or not isinstance(pair.new, dict):
        # True and a missing schema allow everything.
        if pair.new is False and pair.old is not False and direction != _SHOWN:
            yield field, "nothing is allowed any more"
        return
    yield from _alternatives(pair, direction, field, seen)
    yield from _keywords(pair.old, pair.new, direction, field)
    yield from _members(pair, direction, field, seen)


def _alternatives(pair: _Pair, direction: str, field: str, seen: set[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """A schema counts as the list of its alternatives; each one needs a counterpart on the other side."""
    if "anyOf" not in pair.old and "anyOf" not in pair.new:
        return
    old, new = _options(pair.old), _options(pair.new)
    named = {one["$ref"]: one for one in new if "$ref" in one}
    for one in old:
        if one.get("$ref") in named:
            yield from _compared(pair.part(one, one), direction, field, seen)
    rest_old = [one for one in old if one.get("$ref") not in named]
    known = {one.get("$ref") for one in old}
    rest_new = [one for one in new if "$ref" not in one or one["$ref"] not in known]
    if direction == _SHOWN:
        rest_new = [one for one in rest_new if ASKED_FOR not in _resolved(one, pair.new_root)]
        if any(not any(_fits(pair.part(one, other), direction, seen) for one in rest_old) for other in rest_new):
            yield field, "an alternative was added or widened"
    elif any(not any(_fits(pair.part(one, other), direction, seen) for other in rest_new) for one in rest_old):
        yield field, "an alternative was removed or narrowed"


def _options(schema: Schema) -> list[Any]:
    found: list[Any] = schema.get("anyOf", [schema])
    return found


def _fits(pair: _Pair, direction: str, seen: set[tuple[str, str]]) -> bool:
    return next(_compared(pair, direction, "", seen), None) is None


_LOWER: Final = ("minLength", "minimum", "minItems", "exclusiveMinimum")
_UPPER: Final = ("maxLength", "maximum", "maxItems", "exclusiveMaximum")
_EXACT: Final = ("pattern", "format", "const")


def _keywords(old: Schema, new: Schema, direction: str, field: str) -> Iterator[tuple[str, str]]:
    if "anyOf" in old or "anyOf" in new:
        return
    if direction == _SHOWN:
        if _types(new) - _types(old):
            yield field, "the type changed"
        return
    if _types(old) - _types(new):
        yield field, "the type changed or was narrowed"
    if "enum" in new and (gone := set(old.get("enum", ("any other value",))) - set(new["enum"])):
        yield field, f"values were removed: {', '.join(sorted(gone))}"
    for keyword in _EXACT:
        # The version of a stored event is compared on its own.
        if keyword in new and old.get(keyword) != new[keyword]:
            yield field, f"{keyword} changed or was added"
    for keyword in _LOWER:
        if keyword in new and new[keyword] > old.get(keyword, float("-inf")):
            yield field, f"{keyword} was raised"
    for keyword in _UPPER:
        if keyword in new and new[keyword] < old.get(keyword, float("inf")):
            yield field, f"{keyword} was lowered"
    if (
        new.get("additionalProperties") is False
        and old.get("additionalProperties") is not False
        and "properties" in old
    ):
        yield field, "further fields are refused"


_ALL_TYPES: Final = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})


def _types(schema: Schema) -> frozenset[str]:
    named = schema.get("type")
    if named is None:
        return _ALL_TYPES if "const" not in schema and "enum" not in schema else frozenset({"string"})
    types = frozenset([named] if isinstance(named, str) else named)
    return types | {"integer"} if "number" in types else types


def _members(pair: _Pair, direction: str, field: str, seen: set[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    old, new = pair.old, pair.new
    before, after = old.get("properties", {}), new.get("properties", {})
    for name in sorted(before.keys() - after.keys()):
        yield _dotted(field, name), "was removed or renamed"
    needed, still_needed = set(old.get("required", ())), set(new.get("required", ()))
    if direction != _SHOWN:
        for name in sorted(still_needed - needed):
            yield _dotted(field, name), "is newly required"
    if direction != _ENTERING:
        for name in sorted((needed - still_needed) & after.keys()):
            yield _dotted(field, name), "is no longer always there"
    for name in sorted(before.keys() & after.keys()):
        yield from _compared(pair.part(before[name], after[name]), direction, _dotted(field, name), seen)
    for keyword in ("items", "propertyNames", "additionalProperties"):
        if keyword in old or keyword in new:
            part = pair.part(old.get(keyword, True), new.get(keyword, True))
            if isinstance(part.old, dict) or isinstance(part.new, dict):
                part = part.part(*(one if isinstance(one, dict) else {} for one in (part.old, part.new)))
                yield from _compared(part, direction, f"{field}[]" if keyword == "items" else field, seen)
    yield from _conditions(pair, direction, field, seen)


def _conditions(pair: _Pair, direction: str, field: str, seen: set[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    after = list(pair.new.get("allOf", ()))
    for one in pair.old.get("allOf", ()):
        same = next((other for other in after if other.get("if") == one.get("if")), None)
        if same is not None:
            yield from _compared(pair.part(one["then"], same["then"]), direction, field, seen)


def _dotted(field: str, name: str) -> str:
    return f"{field}.{name}" if field else name
