"""What the owner of a partition is asked to do to dead letters, on `person.operations.<app id>.<p>`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from domain.envelope import Actor
from queries.person_id import PersonId


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RedriveRequest(_Request):
    """Bring the parked events of a person to an agent again."""

    act: Literal["redrive"]
    agent: str
    person_id: PersonId


class DiscardRequest(_Request):
    """Take one poison event out of the way of an agent, for ever."""

    act: Literal["discard"]
    agent: str
    person_id: PersonId
    stream_sequence: int = Field(ge=1)
    by: Actor
    why: str = Field(min_length=1, max_length=500)


class ReplaceRequest(_Request):
    """Let an agent take an edited copy in the place of one poison event, for ever. `copy_act` is the number of the act that holds the copy."""

    act: Literal["replace"]
    agent: str
    person_id: PersonId
    stream_sequence: int = Field(ge=1)
    by: Actor
    copy_act: int = Field(ge=1)


class TranslateRequest(_Request):
    """Bring the event of a neighbour to its translator again, as it was or with the bytes of an edited copy."""

    act: Literal["translate"]
    letter: int = Field(ge=1)
    copy_act: int | None = Field(None, ge=1)


Act = RedriveRequest | DiscardRequest | ReplaceRequest | TranslateRequest
REQUESTS: TypeAdapter[Act] = TypeAdapter(Annotated[Act, Field(discriminator="act")])
