"""edit_dead_letter: keep an edited copy beside a letter."""

from __future__ import annotations

from queries.dead_letters.handling import Occasion
from queries.dead_letters.requests import EditDeadLetter
from queries.endpoint import Ask, Endpoint
from queries.frame import Answer


async def edit_dead_letter(ask: Ask, query: EditDeadLetter) -> Answer:
    """The number and the digest of the copy."""
    occasion = Occasion.of_act(ask, query)
    return Answer(await ask.dead_letters.edit(query.letter, query.copy_bytes(), occasion))


ENDPOINT = Endpoint("edit_dead_letter", EditDeadLetter, edit_dead_letter)
