"""How a dead letter is named: a number for a message, agent and person for a parked person, `saga/` and an id for a parked saga."""

from __future__ import annotations

import re
from typing import Annotated, NamedTuple

from pydantic import AfterValidator

from domain.ids import is_person_id

SAGA = "saga"
_NUMBER = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
_AGENT = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)


class ParkedId(NamedTuple):
    """A person that is parked for an agent. Without a stream sequence it is the person, wherever it is parked."""

    agent: str
    person_id: str
    stream_sequence: int | None = None

    def __str__(self) -> str:
        at = "" if self.stream_sequence is None else f"/{self.stream_sequence}"
        return f"{self.agent}/{self.person_id}{at}"


class SagaId(NamedTuple):
    """A parked saga."""

    saga_id: str

    def __str__(self) -> str:
        return f"{SAGA}/{self.saga_id}"


class MessageId(NamedTuple):
    """A message in the dead-letter stream, by its number there."""

    number: int

    def __str__(self) -> str:
        return str(self.number)


def parsed(text: str) -> ParkedId | SagaId | MessageId:
    """What a name stands for; raises ValueError that says how names look."""
    first, *rest = text.split("/")
    if not rest and _NUMBER.fullmatch(first):
        return MessageId(int(first))
    if first == SAGA and len(rest) == 1 and is_person_id(rest[0]):
        return SagaId(rest[0])
    if len(rest) in (1, 2) and _AGENT.fullmatch(first) and is_person_id(rest[0]):
        if len(rest) == 1:
            return ParkedId(first, rest[0])
        if _NUMBER.fullmatch(rest[1]):
            return ParkedId(first, rest[0], int(rest[1]))
    raise ValueError("must be a number, AGENT/PERSON_ID, AGENT/PERSON_ID/STREAM_SEQUENCE or saga/SAGA_ID")


def _name(text: str) -> str:
    return str(parsed(text))


LetterId = Annotated[str, AfterValidator(_name)]
