"""Subjects of events and outcomes. Built and read here only; they hold catalogue words, partitions and ids."""

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from domain.ids import is_person_id

if TYPE_CHECKING:
    from domain.events import Event

EVENT_SUBJECTS: Final = "person.events"
ALL_EVENTS: Final = f"{EVENT_SUBJECTS}.>"
_WORD: Final = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_PARTITION: Final = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)


class EventSubject(NamedTuple):
    """Parts of the subject of an event: 4 tokens name the event, 5 its person, 6 its partition as well."""

    context: str
    name: str
    person_id: str | None = None
    partition: int | None = None

    def __str__(self) -> str:
        person = () if self.person_id is None else (self.person_id,)
        partition = () if self.partition is None else (str(self.partition),)
        return ".".join((EVENT_SUBJECTS, self.context, self.name, *partition, *person))


def event_subject(event: "Event") -> str:
    """Subject under which the writer publishes an event."""
    return f"{EVENT_SUBJECTS}.{event.spec.context}.{event.spec.name}.{event.person_id}"


def parse_event_subject(subject: str) -> EventSubject:
    """Parts of a subject of 4, 5 or 6 tokens. Raises ValueError for any other."""
    tokens = subject.split(".")
    if tokens[:2] != ["person", "events"] or not 4 <= len(tokens) <= 6:
        raise ValueError("not the subject of an event")
    context, name, *rest = tokens[2:]
    if not _WORD.fullmatch(context) or not _WORD.fullmatch(name):
        raise ValueError("not the subject of an event")
    if not rest:
        return EventSubject(context, name)
    *partition, person_id = rest
    if not is_person_id(person_id) or not all(map(_PARTITION.fullmatch, partition)):
        raise ValueError("not the subject of an event")
    return EventSubject(context, name, person_id, int(partition[0]) if partition else None)


def person_filter(person_id: str) -> str:
    """Every stored event of one person."""
    return f"{EVENT_SUBJECTS}.*.*.*.{person_id}"


def partition_filter(partition: int) -> str:
    """Every stored event of one partition."""
    return f"{EVENT_SUBJECTS}.*.*.{partition}.*"


def outcome_subject(command_id: str) -> str:
    """Where the outcome of a command is published."""
    return f"person.outcomes.{command_id}"
