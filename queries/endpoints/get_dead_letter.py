"""get_dead_letter: one dead letter, what waits behind it, what can be done and what was done."""

from __future__ import annotations

from queries.dead_letters.handling import Occasion
from queries.dead_letters.requests import GetDeadLetter
from queries.endpoint import Ask, Endpoint
from queries.frame import Answer


async def get_dead_letter(ask: Ask, query: GetDeadLetter) -> Answer:
    """The letter; its data only when they are asked for."""
    occasion = Occasion(ask, query.timeout_ms / 1000, with_data=query.with_data)
    return Answer(await ask.dead_letters.show(query.letter, occasion))


ENDPOINT = Endpoint("get_dead_letter", GetDeadLetter, get_dead_letter)
