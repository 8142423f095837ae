"""Dead letters, acts and differences as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]


def line(row: Row) -> str:
    """One letter."""
    behind = f", {row['waiting']} waiting" if row["waiting"] > 1 else ""
    at = "" if row["stream_sequence"] is None else f" at {row['source']} {row['stream_sequence']}"
    whom = f"  {row['person_id']}" if row["person_id"] and row["kind"] == "message" else ""
    edited = ", edited" if row["edited"] else ""
    return (
        f"{row['letter']}  {row['route']}  {row['agent']}{whom}  {row['cause']} ({row['reason']}){at}"
        f"{behind}, since {row['since']}, tried {row['attempts']} times{edited}"
    )


def letter(found: Row) -> Iterator[str]:
    """One letter with what waits, what was done and what can be done."""
    yield line(found["row"])
    for event in found["events"]:
        error = "" if event["error"] is None else f"  {event['error']}"
        yield f"{event['stream_sequence']:>10}  {event['type']}  {event['sequence']}{error}"
        if event.get("data") is not None:
            yield f"            {event['data']}"
    for name in ("data", "data_base64"):
        if found[name] is not None:
            yield f"{name}: {found[name]}"
    copy = found["copy"]
    if copy is not None:
        yield f"edited copy {copy['digest']} by {copy['by']} at {copy['at']}: {copy['why']}"
        if copy["data"] is not None:
            yield f"            {copy['data']}"
    yield from (act(one) for one in found["acts"])
    yield f"next: {found['next']}"


def act(one: Row) -> str:
    """One act."""
    result = ", ".join(f"{name} {value}" for name, value in one["result"].items())
    copy = "" if one["digest"] is None else f"  copy {one['digest']}"
    return f"{one['at']}  {one['act']}  {one['letter']}  {one['by']}: {one['why']}{copy}" + (
        f"  ({result})" if result else ""
    )


def counts(found: Row) -> Iterator[str]:
    """How many letters there are."""
    oldest = "" if found["oldest"] is None else f", the oldest since {found['oldest']}"
    yield f"{found['letters']} open, {found['waiting']} messages wait{oldest}"
    for name in ("by_route", "by_agent", "by_cause", "by_age", "by_kind"):
        for word, number in sorted(found[name].items(), key=lambda one: (-one[1], one[0])):
            yield f"{name.removeprefix('by_'):<6} {number:>8}  {word}"


def result(one: Row) -> str:
    """What came of an act on a letter."""
    if one["done"]:
        taken = f", {one['events']} events taken" if one["events"] else ""
        outcome = f", {one['outcome']['status']}" if one["outcome"] else ""
        return f"{one['letter']}  done{' before' if one['again'] else ''}{taken}{outcome}"
    if one.get("code") is not None:
        return f"{one['letter']}  {one['code']}: {one['reason']}"
    at = "" if not one["parked"] else f", parked at {one['parked']['first']}"
    return f"{one['letter']}  still open{at}: {one['cause']} ({one['reason']})"


def total(done: Sequence[Row]) -> str:
    """How many acts on letters had which end: done, open as before, or refused with a code."""
    refused = sum(one.get("code") is not None for one in done)
    counted = sum(bool(one["done"]) for one in done)
    behind = f", {refused} refused" if refused else ""
    return f"{counted} done, {len(done) - counted - refused} open{behind}"


def nothing(others: int) -> str:
    """That no letter passes the filters; `others` are open and do not pass."""
    if not others:
        return "nothing waits"
    return f"nothing that waits passes the filters; `person dlq stats` counts all {others} by route, agent and cause"


def preview(found: Row) -> Iterator[str]:
    """What a redrive would do."""
    if "rows" not in found:
        yield "  ".join(f"{name}: {value}" for name, value in found.items() if name not in ("letter", "fields"))
        yield from (_field(one) for one in found.get("fields", ()))
        return
    if found["fails_at"] is None:
        left = f", {found['left_out']} more were not tried" if found["left_out"] else ""
        yield f"{found['events']} events would be taken{left}; the person would flow"
    else:
        yield f"would fail at {found['fails_at']}: {found['cause']} ({found['reason']})"
    for row in found["rows"]:
        yield f"{row['agent']}  {row['table']}  {row['key']}  {row['change']}"
        yield from (_field(one) for one in row["fields"])


def _field(one: Row) -> str:
    values = f"  {one['before']!r} -> {one['after']!r}" if "before" in one else ""
    return f"    {one['change']:<8} {one['field']}{values}"
