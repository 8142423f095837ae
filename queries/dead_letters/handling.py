"""What each route offers for its dead letters: to check an edited copy, to say what a redrive would do, and to redrive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from bridge.letter_acts import Place
from bridge.stored_letters import StoredLetter
from queries.endpoint import Ask
from queries.frame import QueryError


class ActAsked(Protocol):
    """What the queries that act have in common: `by` is who does it, as they say themselves."""

    @property
    def by(self) -> str:
        """As kind:id."""
        ...

    @property
    def why(self) -> str:
        """In words of the operator."""
        ...

    @property
    def timeout_ms(self) -> int:
        """How long the asker waits."""
        ...


class Occasion(NamedTuple):
    """The question of an operator: who asks, why, within which time, and whether values may be told."""

    ask: Ask
    timeout_s: float
    by: str = ""
    why: str = ""
    with_data: bool = False
    claimed: str | None = None
    """Who does it as the question says, where that is another one than who was let to ask."""

    @classmethod
    def of_act(cls, ask: Ask, asked: ActAsked) -> Occasion:
        """The occasion of an act. Of a question with the name of a principal that principal does it, whatever is claimed."""
        by = asked.by if ask.principal is None else f"user:{ask.principal}"
        claimed = None if by == asked.by else asked.by
        return cls(ask, asked.timeout_ms / 1000, by, asked.why, claimed=claimed)

    def recorded(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """What the record of the act tells besides who and why."""
        return dict(result) if self.claimed is None else {**result, "claimed_by": self.claimed}


class Message(NamedTuple):
    """A message that was passed over: its letter, and its bytes, those of the edited copy if there is one."""

    letter: StoredLetter
    place: Place
    data: bytes
    person_id: str | None
    saga_id: str | None
    occasion: Occasion
    copy_act: int | None = None
    """The number of the act that holds the edited copy."""


class Redriven(NamedTuple):
    """What came of a redrive. Without `done` the letter stays open, and `cause` and `reason` say why; `again` tells that it was done before."""

    done: bool
    again: bool = False
    events: int = 0
    cause: str | None = None
    reason: str | None = None
    outcome: dict[str, Any] | None = None
    parked: dict[str, Any] | None = None

    def told(self, letter: str) -> dict[str, Any]:
        """The result, ready for JSON."""
        return {"letter": letter, **self._asdict()}

    def recorded(self) -> dict[str, Any]:
        """What the record of the act keeps: codes and numbers."""
        kept = {"events": self.events, "cause": self.cause, "reason": self.reason}
        if self.outcome is not None:
            kept |= {"status": self.outcome.get("status"), "code": self.outcome.get("code")}
        return {name: value for name, value in kept.items() if value not in (None, 0)}


class Handling(Protocol):
    """The dead letters of one route."""

    async def check(self, message: Message) -> None:
        """Raise QueryError that names field and rule for bytes that cannot be handled."""

    async def preview(self, message: Message) -> dict[str, Any]:
        """What a redrive would do now. Raises like `check`."""
        ...

    async def redrive(self, message: Message) -> Redriven:
        """Bring the message to where it failed again. Raises like `check`, and QueryError when it is not known whether it was done."""
        ...


def broken(field: str, rule: str) -> QueryError:
    """The refusal of a message whose bytes break a rule."""
    return QueryError("invalid_query", f"{field}: {rule}", field=field, rule=rule)


def broken_as_told(reason: str) -> QueryError:
    """The refusal of a message by a reason of the form `field: rule`."""
    field, colon, rule = reason.partition(": ")
    return broken(field, rule) if colon else broken("message", reason)


def impossible(reason: str) -> QueryError:
    """The refusal of an act that a letter does not allow."""
    return QueryError("invalid_query", f"letter: {reason}", field="letter", rule="possible")
