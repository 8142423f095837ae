"""How two rows differ, field by field. A path ends where keys are free text; values are told only when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from domain.fields import dotted


def differences(before: bytes | None, after: bytes | None, *, with_data: bool) -> list[dict[str, Any]]:
    """The fields in which two stored rows differ: `field`, `change`, and with data what stood there and what will stand there."""
    found = []
    for path, old, new in _leaves((), _row(before), _row(after)):
        one: dict[str, Any] = {"field": dotted(path), "change": _change(old, new)}
        if with_data:
            one |= {"before": old, "after": new}
        found.append(one)
    return found


def _row(value: bytes | None) -> Any:
    if value is None:
        return None
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return {"bytes": len(value)}


def _leaves(path: tuple[str, ...], old: Any, new: Any) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    if old == new:
        return
    if isinstance(old, dict | None) and isinstance(new, dict | None):
        for name in dict.fromkeys((*(old or ()), *(new or ()))):
            yield from _leaves((*path, name), (old or {}).get(name), (new or {}).get(name))
        return
    yield path, old, new


def _change(old: Any, new: Any) -> str:
    if old is None:
        return "added"
    return "removed" if new is None else "changed"
