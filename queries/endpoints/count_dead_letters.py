"""count_dead_letters: how much waits for an operator, by kind, route, agent, cause and age."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from domain.times import format_instant
from queries.dead_letters.parked import COUNTS, ParkedCounts, counted
from queries.dead_letters.requests import CountDeadLetters, DeadLetterFilters
from queries.endpoint import Ask, Endpoint
from queries.endpoints.list_dead_letters import elsewhere
from queries.frame import Answer


async def count_dead_letters(ask: Ask, query: CountDeadLetters) -> Answer:
    """The counts of all partitions and routes. A route or an agent that there is not is refused."""
    now = datetime.now(UTC)
    filters = query.model_dump(include=set(DeadLetterFilters.model_fields) - {"min_position", "timeout_ms", "stream"})
    partitions = None if query.person_id is None else (ask.partition_of(query.person_id),)
    found = await ask.each(COUNTS, ParkedCounts(**filters, **query.frame(), now=now), partitions)
    total = _sum([counted(await elsewhere(ask, query), now), *(one.data for one in found)])
    return Answer(total, [one.position for one in found])


def _sum(parts: list[dict[str, Any]]) -> dict[str, Any]:
    oldest = min((datetime.fromisoformat(one["oldest"]) for one in parts if one["oldest"] is not None), default=None)
    by = [name for name in parts[0] if name.startswith("by_")]
    return {
        "letters": sum(one["letters"] for one in parts),
        "waiting": sum(one["waiting"] for one in parts),
        "oldest": None if oldest is None else format_instant(oldest),
        **{name: dict(sum((Counter(one[name]) for one in parts), Counter[str]())) for name in by},
    }


ENDPOINT = Endpoint("count_dead_letters", CountDeadLetters, count_dead_letters, (COUNTS,))
