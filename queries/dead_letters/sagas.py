"""Dead letters of sagas: an input that made one raise, and sagas that are parked. A redrive is the command RetrySaga.

Guarantee: a saga that is parked is retried once for each time it was parked, however often it is asked for."""

from __future__ import annotations

from typing import Any

from nats.aio.client import Client

from domain.envelope import COMMAND_PREFIX
from queries.dead_letters.commands import process_command, sent
from queries.dead_letters.handling import Message, Occasion, Redriven, impossible
from queries.endpoint import Ask
from queries.saga_rows import SAGA_ROWS, SagaRows

RETRY = f"{COMMAND_PREFIX}saga.retry"
MOST = 10_000
"""Parked sagas that a partition tells at most."""
NOT_EDITABLE = "what a saga was told is not edited; `person sagas` has the verbs that lead it on"


class SagaLetters:
    """Inputs, effects and events of sagas that raised or cannot be read."""

    def __init__(self, nc: Client) -> None:
        self._nc = nc

    async def check(self, message: Message) -> None:
        """Nothing is edited here."""
        raise impossible(f"{NOT_EDITABLE} ({message.place.consumer})")

    async def preview(self, message: Message) -> dict[str, Any]:
        """Which sagas would be retried."""
        return {"becomes": RETRY, "sagas": [_shown(one) for one in await self._concerned(message)]}

    async def redrive(self, message: Message) -> Redriven:
        """Retry the parked sagas that the letter is about; none is parked when somebody has led them on."""
        done = Redriven(True, again=True)
        for saga in await self._concerned(message):
            done = await retried(self._nc, saga, message.occasion)
            if not done.done:
                return done
        return done

    async def _concerned(self, message: Message) -> list[dict[str, Any]]:
        if message.person_id is None:
            raise impossible("it names no person; its saga is found with `person sagas list --parked`")
        rows = await parked_sagas(message.occasion.ask, message.person_id)
        return [one for one in rows if message.saga_id in (None, one["saga_id"])]


async def parked_sagas(ask: Ask, person_id: str | None = None) -> list[dict[str, Any]]:
    """Rows of parked sagas, of one person or of all."""
    request = SagaRows(person_id=person_id, parked=True, limit=MOST)
    partitions = None if person_id is None else (ask.partition_of(person_id),)
    found = await ask.each(SAGA_ROWS, request, partitions)
    return [row for one in found for *_, row in one.data]


async def parked_saga(ask: Ask, saga_id: str) -> dict[str, Any] | None:
    """The row of one parked saga, None when it is not parked."""
    return next((row for row in await parked_sagas(ask) if row["saga_id"] == saga_id), None)


async def retried(nc: Client, saga: dict[str, Any], occasion: Occasion) -> Redriven:
    """Send RetrySaga for a parked saga and wait for the outcome."""
    command = process_command(
        RETRY,
        saga["saga_id"],
        saga["person_id"],
        {"reason": occasion.why},
        by=occasion.by,
        # Parked once more, it has another version.
        of=f"retry/{saga['version']}",
    )
    outcome = await sent(nc, RETRY, command, occasion.timeout_s)
    if outcome["status"] == "accepted":
        return Redriven(True, outcome=outcome)
    return Redriven(False, cause=outcome.get("code"), reason=outcome.get("reason"), outcome=outcome)


def _shown(saga: dict[str, Any]) -> dict[str, Any]:
    return {name: saga[name] for name in ("saga_id", "saga", "status", "step", "error", "version")}
