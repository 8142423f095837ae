"""The answer to a command. It holds codes, ids and numbers, never personal data."""

from collections.abc import Iterable
from typing import Final, Literal, Self

from pydantic import JsonValue

from domain.canonical import encode
from domain.events import Event
from domain.model import Frozen
from domain.refusals import FAILURE_CODES, Refused


class RecordedEvent(Frozen):
    """An event that is in the log."""

    id: str
    type: str
    sequence: int


class Position(Frozen):
    """Where in the log the last event is."""

    stream_sequence: int
    partition: int


class Outcome(Frozen):
    """Accepted or refused is final for the command id; after failed the same command may be sent again."""

    command_id: str | None
    status: Literal["accepted", "refused", "failed"]
    code: str | None = None
    reason: str | None = None
    facts: dict[str, JsonValue] | None = None
    person_id: str | None = None
    version: int | None = None
    events: tuple[RecordedEvent, ...] = ()
    position: Position | None = None

    @classmethod
    def accepted(
        cls,
        command_id: str,
        person_id: str,
        version: int,
        events: Iterable[Event | RecordedEvent] = (),
        position: Position | None = None,
    ) -> Self:
        """The events are in the log, up to `position`."""
        recorded = tuple(RecordedEvent(id=one.id, type=one.type, sequence=one.sequence) for one in events)
        return cls(
            command_id=command_id,
            status="accepted",
            person_id=person_id,
            version=version,
            events=recorded,
            position=position,
        )

    @classmethod
    def refused(
        cls,
        refusal: Refused,
        *,
        command_id: str | None,
        person_id: str | None = None,
        version: int | None = None,
    ) -> Self:
        """The command was decided against."""
        return cls(
            command_id=command_id,
            status="refused",
            code=refusal.code,
            reason=refusal.reason,
            facts=refusal.facts,
            person_id=person_id,
            version=version,
        )

    @classmethod
    def failed(
        cls,
        code: str,
        *,
        command_id: str | None,
        person_id: str | None = None,
        version: int | None = None,
        reason: str | None = None,
    ) -> Self:
        """No decision was reached; `reason` says more than the meaning of the code."""
        return cls(
            command_id=command_id,
            status="failed",
            code=code,
            reason=reason or FAILURE_CODES[code],
            person_id=person_id,
            version=version,
        )

    def to_bytes(self) -> bytes:
        """Canonical JSON. A position is always written: null tells that nothing was stored."""
        return encode(self, nulls=_NULLS)


_NULLS: Final = frozenset({"position"})
