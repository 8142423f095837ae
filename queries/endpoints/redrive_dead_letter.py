"""redrive_dead_letter: bring a letter to where it failed again."""

from __future__ import annotations

from queries.dead_letters.handling import Occasion
from queries.dead_letters.requests import RedriveDeadLetter
from queries.endpoint import Ask, Endpoint
from queries.frame import Answer


async def redrive_dead_letter(ask: Ask, query: RedriveDeadLetter) -> Answer:
    """What came of it."""
    occasion = Occasion.of_act(ask, query)
    done = await ask.dead_letters.redrive(query.letter, occasion)
    return Answer(done.told(query.letter))


ENDPOINT = Endpoint("redrive_dead_letter", RedriveDeadLetter, redrive_dead_letter)
