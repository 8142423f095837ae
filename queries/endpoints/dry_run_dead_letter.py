"""dry_run_dead_letter: what a redrive would do now, without doing it."""

from __future__ import annotations

from queries.dead_letters.commands import DECIDED
from queries.dead_letters.handling import Occasion
from queries.dead_letters.preview import PREVIEW
from queries.dead_letters.requests import DryRunDeadLetter
from queries.endpoint import Ask, Endpoint
from queries.frame import Answer


async def dry_run_dead_letter(ask: Ask, query: DryRunDeadLetter) -> Answer:
    """What would change, or what the message would become."""
    occasion = Occasion(ask, query.timeout_ms / 1000, with_data=query.with_data)
    return Answer(await ask.dead_letters.dry_run(query.letter, occasion))


ENDPOINT = Endpoint("dry_run_dead_letter", DryRunDeadLetter, dry_run_dead_letter, (PREVIEW, DECIDED))
