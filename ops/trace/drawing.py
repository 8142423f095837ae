"""A flow as trees of causes: for machines as nested rows, for people as lines with times since the first message."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from domain.times import format_instant
from domain.views.conversation import Message, conversation
from ops.trace.hop import Hop

NOT_STORED: Final = "not in the stream"

Row = dict[str, Any]


def flow(hops: Sequence[Hop]) -> Row:
    """`{correlations, trace_ids, messages, faults}`: the trees with what followed from each message under `effects`, causes first, and siblings in
    the order in which they were stored; `after_ms` counts from the first message that is stored."""
    known = {one.id: one for one in hops}
    placed = _placed(known)
    # The tree sorts by the time of each message; that of its storage tells more, since what is caused takes over the time of its cause.
    told: Row = conversation(
        Message(one.id, "event", one.type, one.causation, one.depth, _sorting(placed.get(one.id)), one.person_id)
        for one in hops
    )
    first = min((one.stored_at for one in hops if one.stored_at is not None), default=None)
    return {
        "correlations": sorted({one.correlation for one in hops}),
        "trace_ids": sorted({one.trace_id for one in hops if one.trace_id}),
        "messages": [_row(tree, known, first) for tree in told["messages"]],
        "faults": told["faults"],
    }


def lines(found: Row) -> Iterator[str]:
    """The flow as text."""
    for correlation in found["correlations"]:
        yield f"correlation {correlation}"
    for trace_id in found["trace_ids"]:
        yield f"trace       {trace_id}"
    for tree in found["messages"]:
        yield from _drawn(tree, "", "")
    for fault in found["faults"]:
        yield f"{fault['fault']}: {fault['id']}"


def _placed(known: Mapping[str, Hop]) -> dict[str, tuple[datetime, int]]:
    """When each was stored; of those that are not, when the first of what they caused was."""
    placed = {one.id: (one.stored_at, one.stream_sequence) for one in known.values() if one.stored_at is not None}
    effects: dict[str, list[str]] = {}
    for one in known.values():
        effects.setdefault(one.causation, []).append(one.id)
    for start in known:
        # Down to the first that is stored; a chain of causes that is wrong may be a circle.
        below, seen = [start], {start}
        while start not in placed and below:
            below = [effect for one in below for effect in effects.get(one, ()) if effect not in seen]
            seen.update(below)
            if found := [placed[one] for one in below if one in placed]:
                placed[start] = min(found)
    return placed


def _sorting(place: tuple[datetime, int] | None) -> str:
    if place is None:
        return "9"
    at, sequence = place
    return f"{at.isoformat(timespec='microseconds')} {sequence:012d}"


def _row(node: Row, known: Mapping[str, Hop], first: datetime | None) -> Row:
    """A node of the tree as the whole hop; without recursion, as deep as causes go."""
    top: Row = {}
    waiting: list[tuple[Row, list[Row] | None]] = [(node, None)]
    while waiting:
        below, siblings = waiting.pop(0)
        row = _hop_row(known[below["id"]], first)
        if siblings is None:
            top = row
        else:
            siblings.append(row)
        waiting.extend((effect, row["effects"]) for effect in below["effects"])
    return top


def _hop_row(hop: Hop, first: datetime | None) -> Row:
    after = None if hop.stored_at is None or first is None else (hop.stored_at - first).total_seconds() * 1000
    row: Row = {
        "id": hop.id,
        "kind": hop.kind,
        "type": hop.type,
        "causation": hop.causation,
        "correlation": hop.correlation,
        "depth": hop.depth,
        "time": None if hop.time is None else format_instant(hop.time),
        "stored_at": None if hop.stored_at is None else format_instant(hop.stored_at),
        "after_ms": None if after is None else round(after, 3),
    }
    for name in ("actor", "person_id", "saga_id", "stream", "trace_id", "detail", "outcome"):
        if value := getattr(hop, name):
            row[name] = value
    for name, value in (("version", hop.version), ("partition", hop.partition), ("visible", hop.visible)):
        if value is not None:
            row[name] = value
    if hop.stream:
        row["stream_sequence"] = hop.stream_sequence
    row["effects"] = []
    return row


def _drawn(top: Row, lead: str, below: str) -> Iterator[str]:
    waiting = [(top, lead, below)]
    while waiting:
        row, own, under = waiting.pop()
        yield _line(row, own)
        effects = row["effects"]
        drawn = []
        for number, effect in enumerate(effects, 1):
            is_last = number == len(effects)
            drawn.append((effect, under + ("└─ " if is_last else "├─ "), under + ("   " if is_last else "│  ")))
        waiting.extend(reversed(drawn))


def _line(row: Row, lead: str) -> str:
    after = row["after_ms"]
    at = f"{'' if after is None else f'+{after:.0f} ms':>10}"
    version = f" {row['version']}" if row["kind"] == "event" and "version" in row else ""
    words = " ".join(word for word in (row["type"] + version, row.get("detail", ""), row.get("outcome", "")) if word)
    if "stream" in row:
        place = f"{row['stream']} {row['stream_sequence']}"
        if (visible := row.get("visible")) is not None:
            place += ", visible" if visible else ", not visible yet"
    else:
        place = NOT_STORED
    return f"{at}  {lead}{row['kind']}  {words}  [{place}]  {row['id']}"
