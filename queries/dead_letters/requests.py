"""What the queries on dead letters ask: filters, and acts with who does them and why."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from domain.envelope import Actor
from queries.dead_letters.letter_id import LetterId
from queries.frame import Query
from queries.person_id import PersonId

NO_REASON = "no reason given"
"""Recorded where whoever redrives says none: that the cause is mended is for people to say."""

Why = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=600)]


class DeadLetterFilters(Query):
    """All filters that are given must hold. `agent` is who could not handle it, `since` and `before` are about when it began to wait."""

    person_id: PersonId | None = None
    agent: Word | None = None
    route: Word | None = None
    source: Word | None = None
    cause: Word | None = None
    since: AwareDatetime | None = None
    before: AwareDatetime | None = None


class ListDeadLetters(DeadLetterFilters):
    """list_dead_letters: open dead letters of all routes, parked persons and parked sagas, those that wait longest first."""

    limit: int = Field(100, ge=1, le=1000)
    cursor: str | None = None


class CountDeadLetters(DeadLetterFilters):
    """count_dead_letters: how many dead letters are open, by cause, agent, route and age."""


class GetDeadLetter(Query):
    """get_dead_letter: one dead letter with what waits behind it, what can be done and what was done; its data only `with_data`."""

    letter: LetterId
    with_data: bool = False


class EditDeadLetter(Query):
    """edit_dead_letter: keep an edited copy of the message of a letter; a redrive takes the copy."""

    letter: LetterId
    data: str | None = None
    data_base64: str | None = None
    by: Actor
    why: Why

    @model_validator(mode="after")
    def _one_copy(self) -> EditDeadLetter:
        if (self.data is None) == (self.data_base64 is None):
            raise ValueError("give either data or data_base64")
        try:
            self.copy_bytes()
        except binascii.Error:
            raise ValueError("data_base64 is no base64") from None
        return self

    def copy_bytes(self) -> bytes:
        """The bytes of the copy."""
        if self.data is not None:
            return self.data.encode()
        return base64.b64decode(self.data_base64 or "", validate=True)


class DryRunDeadLetter(Query):
    """dry_run_dead_letter: what a redrive would do now, without doing it; values only `with_data`."""

    letter: LetterId
    with_data: bool = False


class RedriveDeadLetter(Query):
    """redrive_dead_letter: bring a letter to where it failed again. A letter that was redriven is not redriven again."""

    letter: LetterId
    by: Actor
    why: Why = NO_REASON


class DiscardDeadLetter(Query):
    """discard_dead_letter: leave a message out for ever. It stays where it is stored."""

    letter: LetterId
    by: Actor
    why: Why


class ListDeadLetterActs(Query):
    """list_dead_letter_acts: who did what to which letter, newest first."""

    letter: LetterId | None = None
    limit: int = Field(100, ge=1, le=1000)
