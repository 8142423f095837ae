"""Asks for dead letters and acts on them, one after the other, at most so many a second.

Guarantee: letters of a person are acted on in the order in which agents depend on each other; what was done is closed, so a run that was cut
off goes on where it stopped when it is started again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from ops.client import ClientError, PersonClient, QueryFailed
from queries.dead_letters.sorting import QUARANTINED

Row = dict[str, Any]
Filters = Mapping[str, Any]
Told = Callable[[Row], None]

PAGE = 1000
ANSWER_MS = 10_000
ASK_AGAIN = frozenset({"timeout", "unavailable"})
"""Codes behind which the same act is asked for again: it has no second effect."""
ASK_AGAIN_S = 0.2


async def listed(client: PersonClient, filters: Filters, limit: int | None = None) -> list[Row]:
    """Open letters, those that wait longest first; all of them without a limit."""
    return [row async for row in _pages(client, filters, limit)]


async def counted(client: PersonClient, filters: Filters) -> Row:
    """How many letters are open, by each of their words."""
    found: Row = (await client.query("count_dead_letters", filters, timeout_ms=ANSWER_MS))["data"]
    return found


async def shown(client: PersonClient, letter: str, *, with_data: bool) -> Row:
    """One letter with all that is known of it."""
    asked = {"letter": letter, "with_data": with_data}
    found: Row = (await client.query("get_dead_letter", asked, timeout_ms=ANSWER_MS))["data"]
    return found


async def acted(
    client: PersonClient,
    endpoint: str,
    letters: Sequence[str],
    *,
    by: str,
    why: str,
    timeout_s: float,
    rate: float | None = None,
    told: Told = lambda _result: None,
) -> list[Row]:
    """Act on letters in their order; each result is told as soon as it is there.

    A letter that is refused has `code` and `reason` in the place of a result, and the next one follows. Raises ClientError when nobody answers.
    """
    done: list[Row] = []
    begun = time.monotonic()
    for number, letter in enumerate(letters):
        if rate is not None:
            await asyncio.sleep(max(0.0, begun + number / rate - time.monotonic()))
        try:
            result = await _act(client, endpoint, {"letter": letter, "by": by, "why": why}, timeout_s)
        except QueryFailed as error:
            result = {"letter": letter, "done": False, "code": error.code, "reason": error.reason}
        told(result)
        done.append(result)
    return done


def in_order(rows: Sequence[Row]) -> list[Row]:
    """Persons by how long they wait; the letters of one person by the order of its agents."""
    since: dict[str, str] = {}
    for row in rows:
        whose = row["person_id"] or row["letter"]
        since[whose] = min(row["since"], since.get(whose, row["since"]))

    def order(row: Row) -> tuple[str, str, int, str]:
        whose = row["person_id"] or row["letter"]
        rank = QUARANTINED.index(row["agent"]) if row["agent"] in QUARANTINED else len(QUARANTINED)
        return since[whose], whose, rank, row["since"]

    return sorted(rows, key=order)


async def _act(client: PersonClient, endpoint: str, request: Row, timeout_s: float) -> Row:
    deadline = time.monotonic() + timeout_s
    while True:
        left_ms = int(1000 * max(0.5, deadline - time.monotonic()))
        try:
            result: Row = (await client.query(endpoint, request, timeout_ms=min(ANSWER_MS, left_ms)))["data"]
            return result
        except QueryFailed as error:
            if error.code not in ASK_AGAIN or time.monotonic() > deadline:
                raise
        except ClientError:
            # Its worker may have died; the next one takes it up.
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(ASK_AGAIN_S)


async def _pages(client: PersonClient, filters: Filters, limit: int | None) -> AsyncIterator[Row]:
    cursor: str | None = None
    left = limit
    while left is None or left > 0:
        asked = {**filters, "limit": PAGE if left is None else min(PAGE, left)}
        if cursor is not None:
            asked["cursor"] = cursor
        answer = await client.query("list_dead_letters", asked, timeout_ms=ANSWER_MS)
        for row in answer["data"]:
            yield row
        left = None if left is None else left - len(answer["data"])
        cursor = answer.get("page", {}).get("next")
        if cursor is None:
            return
