"""One dead letter as a row, whatever it is: a parked person, a parked saga, or a message that was passed over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from config.streams import EVENTS, SAGAS
from domain.times import format_instant
from queries.dead_letters.census import LetterCensus, OpenLetter
from queries.dead_letters.letter_id import MessageId, ParkedId, SagaId
from queries.dead_letters.requests import DeadLetterFilters
from queries.dead_letters.sorting import ON_EVENTS, ON_SAGAS
from tables.quarantine import Parked

SAGA_CONSUMER = "sagas"
"""Stands where a row of a saga would name who could not handle a message."""


class Row(NamedTuple):
    """A dead letter. `waiting` counts the messages that wait, with those behind the one that failed."""

    since: datetime
    letter: str
    kind: str
    route: str
    agent: str
    person_id: str | None
    saga_id: str | None
    source: str
    stream_sequence: int | None
    cause: str
    reason: str
    attempts: int
    waiting: int
    edited: bool = False

    @property
    def order(self) -> tuple[datetime, str]:
        """Those that wait longest come first."""
        return self.since, self.letter

    def told(self) -> dict[str, Any]:
        """The row, ready for JSON."""
        return {**self._asdict(), "since": format_instant(self.since)}

    def passes(self, filters: DeadLetterFilters) -> bool:
        """Whether all filters hold that are given."""
        wanted = (
            (filters.person_id, self.person_id),
            (filters.agent, self.agent),
            (filters.route, self.route),
            (filters.source, self.source),
            (filters.cause, self.cause),
        )
        if any(asked is not None and asked != found for asked, found in wanted):
            return False
        if filters.since is not None and self.since < filters.since:
            return False
        return filters.before is None or self.since < filters.before


def row_in(told: Mapping[str, Any]) -> Row:
    """Inverse of `told`."""
    return Row(**{**told, "since": datetime.fromisoformat(told["since"])})


def of_parked(agent: str, person_id: str, parked: Parked) -> Row:
    """A person that is parked for an agent."""
    return Row(
        since=datetime.fromtimestamp(parked.since_ms / 1000, UTC),
        letter=str(ParkedId(agent, person_id, parked.first)),
        kind="person",
        route=ON_EVENTS,
        agent=agent,
        person_id=person_id,
        saga_id=None,
        source=EVENTS,
        stream_sequence=parked.first,
        cause=parked.cause,
        reason=parked.reason,
        attempts=parked.attempts,
        waiting=parked.events,
    )


def of_saga(saga: Mapping[str, Any]) -> Row:
    """A parked saga, as the index of sagas shows it."""
    failure = saga.get("failure") or {}
    return Row(
        since=datetime.fromisoformat(saga["updated_at"]),
        letter=str(SagaId(saga["saga_id"])),
        kind="saga",
        route=ON_SAGAS,
        agent=SAGA_CONSUMER,
        person_id=saga["person_id"],
        saga_id=saga["saga_id"],
        source=SAGAS,
        stream_sequence=None,
        cause=str(saga.get("error") or failure.get("cause") or saga["status"]),
        reason=" ".join(str(one) for one in (saga["saga"], saga["step"], failure.get("code")) if one),
        attempts=int(saga["round"]),
        waiting=1,
    )


def of_message(one: OpenLetter, census: LetterCensus) -> Row:
    """A message that was passed over."""
    sequence = one.place.sequence
    return Row(
        since=one.since,
        letter=str(MessageId(one.number)),
        kind="message",
        route=one.route,
        agent=one.place.consumer,
        person_id=one.person_id,
        saga_id=one.saga_id,
        source=one.place.source,
        stream_sequence=int(sequence) if sequence.lstrip("-").isdigit() else None,
        cause=one.cause,
        reason=one.reason,
        attempts=one.attempts + census.failed_redrives(one.place),
        waiting=1,
        edited=census.is_edited(one.place),
    )
