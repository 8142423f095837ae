"""The fold that every engine runs: the newest version of an entity and its data. Older versions change nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import orjson

Row = dict[str, Any]


def fold_event(row: Row | None, event: bytes) -> Row | None:
    """The row after an event, or None when the event changes nothing."""
    decoded = orjson.loads(event)
    if row is not None and decoded["version"] <= row["version"]:
        return None
    return {"version": decoded["version"], "last": decoded["data"]}


def fold_batch(
    records: Iterable[tuple[bytes, bytes]], stored: Callable[[bytes], bytes | None]
) -> list[tuple[bytes, bytes]]:
    """The changed rows after a batch of keys and events; a row is read, decoded and encoded once a batch."""
    rows: dict[bytes, Row | None] = {}
    changed: dict[bytes, Row] = {}
    for key, event in records:
        if key in rows:
            row = rows[key]
        else:
            value = stored(key)
            row = rows[key] = None if value is None else orjson.loads(value)
        after = fold_event(row, event)
        if after is not None:
            rows[key] = changed[key] = after
    return [(key, orjson.dumps(row)) for key, row in changed.items()]
