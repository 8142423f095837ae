"""Agent fire_timers: timers that became due to sagas.

Guarantee: a saga is given each of its timers that became due, at least once, also those that became due while no worker ran; one that
the saga has set anew, or whose step has ended, changes nothing. What is no timer is a dead letter and stops nobody."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from agents.reading import dead_letter
from agents.saga_counts import SagaCounts
from agents.saga_log import SagaLog, Stimulus
from bridge import headers
from bridge.dead_letters import DeadLetters
from domain.ids import is_person_id
from domain.sagas.timers import TimerBody, read_timer, timer_input
from domain.undecodable import Undecodable
from lanes.agent import Batch, LaneAgent
from lanes.record import Record

logger = logging.getLogger(__name__)


class FireTimers(LaneAgent):
    """Hands timers to their sagas."""

    name = "fire_timers"

    def __init__(self, log: SagaLog, letters: DeadLetters, counts: SagaCounts) -> None:
        self._log = log
        self._letters = letters
        self._counts = counts

    async def process(self, batch: Batch) -> None:
        """Let the sagas take the timers of the cycle."""
        now = datetime.now(UTC)
        stimuli: list[Stimulus] = []
        for record in batch.records:
            if not is_person_id(record.key.decode(errors="replace")):
                # Of a partition as a whole, and another agent's.
                continue
            try:
                body, due = _read(record)
            except Undecodable as error:
                await dead_letter(self._letters, self.name, record, error.cause, error.reason)
                continue
            # What is carried late, since no worker ran, counts from now on.
            timer = timer_input(body, now=due, reacted_at=now)
            stimuli.append(Stimulus(timer, self.name, record, body.person_id, body.saga_id))
            self._counts.lateness_s = max(0.0, (now - due).total_seconds())
        for reaction in await self._log.react(batch.partition, stimuli):
            self._counts.inputs["timer"] += 1
            if not reaction.events:
                self._counts.timers_late += 1


def _read(record: Record) -> tuple[TimerBody, datetime]:
    """The timer in a record, and when it became due. Raises Undecodable."""
    body = read_timer(record.value)
    if body.person_id.encode() != record.key:
        raise Undecodable("undecodable", "person_id: not that of the subject")
    try:
        return body, headers.stored_at(record.headers)
    except headers.NotCarriedError as error:
        raise Undecodable("undecodable", str(error)) from None
