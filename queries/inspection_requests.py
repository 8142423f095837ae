"""What the owner of a partition can be asked to show of its rows, and to make right."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from domain.envelope import Actor
from queries.frame import Stream
from queries.person_id import PersonId

MOST_ROWS = 20_000
"""Rows that one answer tells at most."""


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ReadRows(_Request):
    """Rows under some keys, rows whose keys begin with some prefixes, and what the index holds of some ids, all of one moment.

    Keys are told as Latin-1, so that any bytes are a text. `after` and `limit` are for the prefixes; `index` names persons, or sagas with the
    stream of sagas. The answer waits until the partition has applied `min_position`.
    """

    act: Literal["rows"]
    keys: dict[str, tuple[str, ...]] = {}
    prefixes: dict[str, tuple[str, ...]] = {}
    after: str = ""
    limit: int = Field(MOST_ROWS, ge=1, le=MOST_ROWS)
    index: tuple[str, ...] = ()
    min_position: int = Field(0, ge=0)
    stream: Stream = "PERSON_EVENTS"
    timeout_ms: int = Field(5000, ge=1, le=10_000)


class WalkRows(_Request):
    """Keys of one table behind a key, in their order, each with a digest of its value."""

    act: Literal["walk"]
    table: str
    after: str = ""
    limit: int = Field(2000, ge=1, le=MOST_ROWS)


class HealPerson(_Request):
    """Make all rows of a person right, from its events. `timeline_keys` are suspected: those that no event makes go."""

    act: Literal["heal_person"]
    person_id: PersonId
    timeline_keys: tuple[str, ...] = ()
    by: Actor
    why: str = Field(min_length=1, max_length=500)

    @model_validator(mode="after")
    def _of_the_person(self) -> HealPerson:
        if not all(key.startswith(f"{self.person_id}:") for key in self.timeline_keys):
            raise ValueError("timeline_keys must be of the person")
        return self


class HealSaga(_Request):
    """Make the rows of a saga right, from its events."""

    act: Literal["heal_saga"]
    saga_id: PersonId
    by: Actor
    why: str = Field(min_length=1, max_length=500)


class HealDay(_Request):
    """Add what the counts of a day lack, and take away what they have too much.

    `add` holds differences by column and name. It is no request to be sent twice: whoever gets no answer verifies again.
    """

    act: Literal["heal_day"]
    day: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    add: dict[Literal["events_by_type", "status_delta", "components_delta", "onboarding"], dict[str, int]]
    by: Actor
    why: str = Field(min_length=1, max_length=500)


Inspect = Annotated[ReadRows | WalkRows | HealPerson | HealSaga | HealDay, Field(discriminator="act")]
REQUESTS: TypeAdapter[ReadRows | WalkRows | HealPerson | HealSaga | HealDay] = TypeAdapter(Inspect)
