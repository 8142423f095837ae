"""Agent send_effects: saga events to what follows from them, commands to persons and to other domains, and timers.

Guarantee: the effects of a saga event are brought about after the event is folded and durable, at least once and under the same ids; the
place in the log moves behind it only once the servers have acknowledged them. Events below the live position cause nothing again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from nats.aio.client import Client

from agents.containment import is_transient
from agents.fold_sagas import FoldedSaga, folded_sagas
from agents.live_position import LivePositions
from agents.publishing import publish_event
from agents.reading import dead_letter
from agents.saga_counts import SagaCounts
from agents.saga_reading import SagaArrival, decoded
from agents.timers import cancel_timer, set_timer
from bridge.dead_letters import DeadLetters
from domain.partitions import fnv1a
from domain.sagas.effects import CancelTimer, Effect, SendCommand, SendForeign, SetTimer, effects
from lanes.agent import Batch, LaneAgent
from lanes.failure import stack_of

logger = logging.getLogger(__name__)

AT_ONCE: Final = 200
"""Sagas whose effects are on their way together."""

LONGEST_JITTERED: Final = timedelta(seconds=11)
"""Rests before a retry are not longer; deadlines of people need no jitter."""
JITTER: Final = 0.1


class SendEffects(LaneAgent):
    """Sends what saga events ask for."""

    name = "send_effects"

    def __init__(self, nc: Client, live: LivePositions, letters: DeadLetters, counts: SagaCounts) -> None:
        self._nc = nc
        self._live = live
        self._letters = letters
        self._counts = counts
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def process(self, batch: Batch) -> None:
        """Nothing: only what is durable has effects."""

    async def committed(self, batch: Batch) -> None:
        """Bring the effects about: those of one saga in order, those of different sagas at once."""
        floor = await self._live.floor(batch.partition)
        sending = [self._send(one, floor) for one in folded_sagas(batch).values()]
        # All end before an error goes on: none may send behind the back of the next try.
        for result in await asyncio.gather(*sending, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result
        self._live.advance(batch.partition, decoded(batch).last_stream_sequence)

    def forget(self, partition: int) -> None:
        """Read the position again: the partition may have moved meanwhile."""
        self._live.forget(partition)

    async def _send(self, folded: FoldedSaga, floor: int) -> None:
        async with self._slots:
            timer: SetTimer | CancelTimer | None = None
            for arrival in folded.arrivals:
                if arrival.event is None or arrival.stream_sequence <= floor:
                    continue
                for number, effect in enumerate(await self._effects(folded, arrival)):
                    if isinstance(effect, SetTimer | CancelTimer):
                        # There is one timer for each saga: of several, the last one counts.
                        timer = effect
                    else:
                        await self._message(effect, f"{arrival.event.id}/{number}")
                        kind = "command" if isinstance(effect, SendCommand) else "foreign"
                        self._counts.effects[folded.saga.saga, kind] += 1
                self._counts.events[folded.saga.saga, arrival.event.spec.name] += 1
            if timer is not None:
                await self._timer(folded, timer)

    async def _effects(self, folded: FoldedSaga, arrival: SagaArrival) -> Sequence[Effect]:
        assert arrival.event is not None
        try:
            return effects(folded.saga, arrival.event)
        except Exception as error:
            if is_transient(error):
                raise
            # A defect, or a step that this version does not know: its saga waits for an operator, the others go on.
            logger.error("a saga event has no effects: %s", stack_of(error))
            await dead_letter(self._letters, self.name, arrival.record, "handler_failed", type(error).__name__)
            return ()

    async def _message(self, effect: SendCommand | SendForeign, message_id: str) -> None:
        # The id of the saga event, not of the command: a command that is sent again after a failure must not be taken for its first try.
        await publish_event(self._nc, effect.subject, effect.raw, message_id)

    async def _timer(self, folded: FoldedSaga, effect: SetTimer | CancelTimer) -> None:
        saga = folded.saga
        if isinstance(effect, SetTimer):
            at = effect.at + jitter(effect.at - datetime.now(UTC), saga.saga_id)
            await set_timer(self._nc, saga.person_id, saga.saga_id, at, effect.raw)
            self._counts.effects[saga.saga, "timer_set"] += 1
        else:
            await cancel_timer(self._nc, saga.person_id, saga.saga_id)
            self._counts.effects[saga.saga, "timer_cancelled"] += 1


def jitter(rest: timedelta, saga_id: str) -> timedelta:
    """Up to a tenth of a short rest, another one for each saga: many that failed together are not tried again together."""
    if not timedelta(0) < rest <= LONGEST_JITTERED:
        return timedelta(0)
    return rest * (JITTER * (fnv1a(saga_id.encode()) % 1000) / 1000)
