"""Agent request_analysis: asks the git domain what an account has contributed that was added to a person without languages.

Guarantee: each such event that happens now is followed by at least one command in PERSON_OUTBOUND, under an id that repetitions share;
events that are read again long after, or tell of the past, ask for nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import NamedTuple

from nats.aio.client import Client

from agents.fold_persons import FoldPersons
from agents.live_position import LivePositions
from agents.publishing import AT_ONCE, publish_event
from agents.quarantine import effects_above
from agents.reading import decoded
from domain.origin import tells_of_the_past
from domain.translate.analysis import analysis_wanted
from domain.translate.commands import AdapterCommand
from lanes.agent import Batch, LaneAgent


class RequestAnalysis(LaneAgent):
    """Runs before the live position moves."""

    name = "request_analysis"

    def __init__(self, nc: Client, positions: LivePositions) -> None:
        self._nc = nc
        self._positions = positions

    async def process(self, batch: Batch) -> None:
        """Nothing: only what is durable is followed by a command."""

    async def committed(self, batch: Batch) -> None:
        """Send what the events of the cycle ask for; many at once."""
        wanted = [*_wanted(batch)]
        if not wanted:
            return
        floor = await self._positions.floor(batch.partition)
        commands = [
            one.command
            for one in wanted
            if one.stream_sequence > (floor if one.parked_above is None else one.parked_above)
        ]
        for first in range(0, len(commands), AT_ONCE):
            together = commands[first : first + AT_ONCE]
            await asyncio.gather(*(publish_event(self._nc, one.type, one.body, one.id) for one in together))


class _Wanted(NamedTuple):
    """A command that an event asks for. Of an event that was parked, what lies above `parked_above` has had no effects yet."""

    stream_sequence: int
    command: AdapterCommand
    parked_above: int | None


def _wanted(batch: Batch) -> Iterator[_Wanted]:
    for person_id, arrivals in decoded(batch).by_person.items():
        for stream_sequence, _, event, *_ in arrivals:
            if event is not None and (command := analysis_wanted(event)) is not None and not tells_of_the_past(event):
                yield _Wanted(stream_sequence, command, effects_above(batch, FoldPersons.name, person_id))
