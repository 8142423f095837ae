"""The answer to a command. It holds codes, ids and numbers, never personal data."""

from collections.abc import Iterable
from typing import Final, Literal, Protocol, Self

from pydantic import JsonValue

from domain.canonical import encode
from domain.event_data.privacy import PersonErased
from domain.model import Frozen
from domain.refusals import FAILURE_CODES, Refused


class Recorded(Protocol):
    """An event of any family that is in the log."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def type(self) -> str:
        """Its type."""

    @property
    def sequence(self) -> int:
        """Its place among the events of its person, saga or policy."""


class RecordedEvent(Frozen):
    """An event that is in the log."""

    id: str
    type: str
    sequence: int


class Position(Frozen):
    """Where in the log the last event is. Without a stream it is the log of persons."""

    stream_sequence: int
    partition: int
    stream: Literal["PERSON_SAGAS"] | None = None


class Outcome(Frozen):
    """Accepted or refused is final for the command id; after failed the same command may be sent again."""

    command_id: str | None
    status: Literal["accepted", "refused", "failed"]
    code: str | None = None
    reason: str | None = None
    facts: dict[str, JsonValue] | None = None
    person_id: str | None = None
    target: str | None = None
    """The saga or the policy that a process command was for; None for commands on persons."""
    version: int | None = None
    """Of the person, or of the saga or the policy: what `target` names counts."""
    events: tuple[RecordedEvent, ...] = ()
    position: Position | None = None

    @classmethod
    def accepted(
        cls,
        command_id: str,
        person_id: str | None,
        version: int,
        events: Iterable[Recorded] = (),
        position: Position | None = None,
        *,
        target: str | None = None,
    ) -> Self:
        """The events are in the log, up to `position`."""
        events = tuple(events)
        recorded = tuple(RecordedEvent(id=one.id, type=one.type, sequence=one.sequence) for one in events)
        return cls(
            command_id=command_id,
            status="accepted",
            facts=_to_be_erased_too(events),
            person_id=person_id,
            target=target,
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
        target: str | None = None,
    ) -> Self:
        """The command was decided against."""
        return cls(
            command_id=command_id,
            status="refused",
            code=refusal.code,
            reason=refusal.reason,
            facts=refusal.facts,
            person_id=person_id,
            target=target,
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
        target: str | None = None,
    ) -> Self:
        """No decision was reached; `reason` says more than the meaning of the code."""
        return cls(
            command_id=command_id,
            status="failed",
            code=code,
            reason=reason or FAILURE_CODES[code],
            person_id=person_id,
            target=target,
            version=version,
        )

    def to_bytes(self) -> bytes:
        """Canonical JSON. A position is always written: null tells that nothing was stored."""
        return encode(self, nulls=_NULLS)


_NULLS: Final = frozenset({"position"})


def _to_be_erased_too(events: Iterable[Recorded]) -> dict[str, JsonValue] | None:
    """Whom an erased person had absorbed: the saga that asked goes on with them."""
    for event in events:
        data = getattr(event, "data", None)
        if isinstance(data, PersonErased) and data.absorbed:
            return {"absorbed": list(data.absorbed)}
    return None
