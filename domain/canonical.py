"""Canonical JSON: the one place where values become bytes. Equal values give equal bytes.

Keys are sorted, text is NFC and trimmed, numbers with an integral value are integers, and fields without a
value are left out, except below ``changes``, where null clears a field. What enters and has no canonical form is refused. What was
stored before there was one is read and written as near to it as there is: a control character as a blank, a number out of range and
what is nested too deep as text.
"""

import re
import unicodedata
from collections.abc import Mapping
from datetime import date, datetime
from enum import Enum
from json import dumps
from math import isfinite
from typing import Final

import orjson
from pydantic import BaseModel, JsonValue

from domain.times import format_instant

MAX_DEPTH: Final = 64
_MENDED_DEPTH: Final = 48
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NO_TEXT: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_CHANGES: Final = "changes"


class NotCanonical(ValueError):  # noqa: N818 - named as what happened
    """The value has no canonical form. `path` leads to the offending part; the part itself is not named."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule
        self.path: tuple[str | int, ...] = ()


def encode(value: object, *, nulls: frozenset[str] = frozenset()) -> bytes:
    """Canonical bytes of `value`. A key named in `nulls` is written even when it has no value. Raises NotCanonical."""
    return orjson.dumps(_plain(value, nulls, False, 0), option=orjson.OPT_SORT_KEYS)


def encode_stored(value: object) -> bytes:
    """Canonical bytes of what may hold stored values; never refuses JSON."""
    return orjson.dumps(plain(value), option=orjson.OPT_SORT_KEYS)


def canonical_members(value: Mapping[str, object]) -> dict[str, JsonValue]:
    """The JSON object that `encode` writes of a map that enters. Raises NotCanonical."""
    return _members(value, frozenset(), False, 0)


def plain(value: object) -> JsonValue:
    """The JSON value that writing and reading gives, of what may be stored; never refuses JSON."""
    try:
        return _plain(value, frozenset(), False, 0)
    except NotCanonical:
        return _plain(_mended(value, 0), frozenset(), False, 0)


def plain_members(value: BaseModel | Mapping[str, object]) -> dict[str, JsonValue]:
    """The JSON object of a model or map that may be stored; never refuses JSON."""
    members = value if isinstance(value, Mapping) else _fields(value)
    try:
        return _members(members, frozenset(), False, 0)
    except NotCanonical:
        return _members(_mended_members(members, 0), frozenset(), False, 0)


def _plain(value: object, nulls: frozenset[str], keep: bool, depth: int) -> JsonValue:
    if isinstance(value, str):
        return _text(value.value if isinstance(value, Enum) else value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if not -(2**63) <= value < 2**64:
            raise NotCanonical("number_range")
        return value
    if isinstance(value, float):
        return _number(value)
    if depth == MAX_DEPTH:
        raise NotCanonical("depth")
    if isinstance(value, BaseModel):
        return _members(_fields(value), nulls, keep, depth)
    if isinstance(value, Mapping):
        return _members(value, nulls, keep, depth)
    if isinstance(value, list | tuple):
        return _items(value, nulls, keep, depth)
    if isinstance(value, datetime):
        return format_instant(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _fields(model: BaseModel) -> dict[str, object]:
    return {field.alias or name: getattr(model, name) for name, field in type(model).model_fields.items()}


def _members(value: Mapping[str, object], nulls: frozenset[str], keep: bool, depth: int) -> dict[str, JsonValue]:
    written: dict[str, JsonValue] = {}
    for key, member in value.items():
        if member is None and not keep and key not in nulls:
            continue
        try:
            name = _text(key)
            if name in written:
                raise NotCanonical("duplicate_key")
            written[name] = _plain(member, nulls, keep or key == _CHANGES, depth + 1)
        except NotCanonical as error:
            error.path = (key, *error.path)
            raise
    return written


def _items(value: list[object] | tuple[object, ...], nulls: frozenset[str], keep: bool, depth: int) -> list[JsonValue]:
    written: list[JsonValue] = []
    for index, item in enumerate(value):
        try:
            written.append(_plain(item, nulls, keep, depth + 1))
        except NotCanonical as error:
            error.path = (index, *error.path)
            raise
    return written


def _number(value: float) -> int | float:
    if not isfinite(value):
        raise NotCanonical("finite_number")
    if not value.is_integer():
        return value
    if abs(value) >= 2**63:
        raise NotCanonical("number_range")
    return int(value)


def _text(text: str) -> str:
    if text.isascii():
        trimmed = text.strip()
        if trimmed.isprintable():
            return trimmed
    else:
        trimmed = unicodedata.normalize("NFC", text).strip()
    if _CONTROL.search(trimmed):
        raise NotCanonical("control_character")
    if any("\ud800" <= character <= "\udfff" for character in trimmed):
        raise NotCanonical("unicode")
    return trimmed


def _mended(value: object, depth: int) -> object:
    if isinstance(value, str):
        return _mended_text(value.value if isinstance(value, Enum) else value)
    if isinstance(value, int | float):
        try:
            return _plain(value, frozenset(), False, depth)
        except NotCanonical:
            return str(value)
    if isinstance(value, BaseModel | Mapping):
        if depth == _MENDED_DEPTH:
            return _mended_text(dumps(value, ensure_ascii=False, default=str))
        return _mended_members(value if isinstance(value, Mapping) else _fields(value), depth)
    if isinstance(value, list | tuple):
        if depth == _MENDED_DEPTH:
            return _mended_text(dumps(value, ensure_ascii=False, default=str))
        return [_mended(item, depth + 1) for item in value]
    return value


def _mended_members(value: Mapping[str, object], depth: int) -> dict[str, object]:
    members: dict[str, object] = {}
    for key, member in value.items():
        members.setdefault(_mended_text(key), _mended(member, depth + 1))
    return members


def _mended_text(text: str) -> str:
    return unicodedata.normalize("NFC", _NO_TEXT.sub(" ", text)).strip()
