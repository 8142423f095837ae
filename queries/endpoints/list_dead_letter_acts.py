"""list_dead_letter_acts: who did what to which dead letter, newest first."""

from __future__ import annotations

from queries.dead_letters.requests import ListDeadLetterActs
from queries.endpoint import Ask, Endpoint
from queries.frame import Answer


async def list_dead_letter_acts(ask: Ask, query: ListDeadLetterActs) -> Answer:
    """The acts on one letter, or on all."""
    return Answer(await ask.dead_letters.acts(query.letter, query.limit))


ENDPOINT = Endpoint("list_dead_letter_acts", ListDeadLetterActs, list_dead_letter_acts)
