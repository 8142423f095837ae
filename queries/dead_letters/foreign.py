"""Dead letters of what neighbours say: a redrive brings the event to its translator, in the lane of its person."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from domain.foreign import read_foreign_event
from domain.partitions import partition_of
from domain.translate.catalogue import ForPersons, routing_key, translated
from domain.translate.rule import KnownPerson
from domain.translate.signals import Signal
from domain.undecodable import Undecodable
from queries.dead_letters.handling import Message, Redriven, broken_as_told
from queries.dead_letters.owner_requests import TranslateRequest
from queries.dead_letters.owners import Owners


class ForeignLetters:
    """Events of neighbours that could not be carried or translated."""

    def __init__(self, owners: Owners, *, partitions: int) -> None:
        self._owners = owners
        self._partitions = partitions

    async def check(self, message: Message) -> None:
        """Read the event as its translator does."""
        _read(message)

    async def preview(self, message: Message) -> dict[str, Any]:
        """What the event becomes. Persons who are linked and not named are found when it is translated."""
        becomes, key = _read(message)
        found: dict[str, Any] = {"partition": partition_of(key, self._partitions)}
        if isinstance(becomes, Signal):
            return {**found, "becomes": "signal", "saga_id": becomes.saga_id, "signal": becomes.name}
        if not isinstance(becomes, ForPersons):
            return {**found, "becomes": "ignored", "reason": becomes}
        wishes = becomes.wishes(KnownPerson())
        commands = [
            {"type": one.type, **({"data": dict(one.data)} if message.occasion.with_data else {})} for one in wishes
        ]
        whom = (
            "named" if becomes.person_id is not None else "everybody" if becomes.spec.whom == "everybody" else "linked"
        )
        return {**found, "becomes": "commands", "whom": whom, "person_id": becomes.person_id, "commands": commands}

    async def redrive(self, message: Message) -> Redriven:
        """Let the owner of the partition translate it."""
        _, key = _read(message)
        request = TranslateRequest(act="translate", letter=message.letter.number, copy_act=message.copy_act)
        done = await self._owners.act(partition_of(key, self._partitions), request, message.occasion.timeout_s)
        return Redriven(done["cause"] is None, cause=done["cause"], reason=done["reason"])


def _read(message: Message) -> tuple[Any, str]:
    subject = message.letter.source_subject
    try:
        event = read_foreign_event(message.data, subject=subject, stored_at=datetime.now(UTC))
        return translated(event), routing_key(message.data, subject=subject)
    except Undecodable as error:
        raise broken_as_told(error.reason) from None
