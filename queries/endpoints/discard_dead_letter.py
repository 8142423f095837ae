"""discard_dead_letter: leave a message out for ever."""

from __future__ import annotations

from queries.dead_letters.handling import Occasion
from queries.dead_letters.requests import DiscardDeadLetter
from queries.endpoint import Ask, Endpoint
from queries.frame import Answer


async def discard_dead_letter(ask: Ask, query: DiscardDeadLetter) -> Answer:
    """What came of it; for a parked person also of what waited behind."""
    occasion = Occasion.of_act(ask, query)
    done = await ask.dead_letters.discard(query.letter, occasion)
    return Answer(done.told(query.letter))


ENDPOINT = Endpoint("discard_dead_letter", DiscardDeadLetter, discard_dead_letter)
