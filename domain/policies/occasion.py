"""What a policy looks at: one event or command, the person around it, and facts. Made once for all policies of the event."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

from pydantic import JsonValue

from domain.canonical import plain_members
from domain.commands import Command
from domain.events import Event
from domain.person import Person
from domain.policies.expression import Values, Vocabulary, vocabulary
from domain.policies.facts import facts_of
from domain.times import format_instant
from domain.views.portrait import Portrait
from domain.views.summary import render_summary

ON_EVENTS: Final = ("event", "summary", "facts")
"""Variables of policies that send."""
ON_COMMANDS: Final = ("command", "summary", "facts")
"""Variables of deny rules."""
CAUSE_FIELDS: Final = ("id", "type", "sequence", "subject", "time", "actor", "correlationid", "depth", "data")
"""Members of `event`; `command` has all of them but `sequence`."""


class Cause(NamedTuple):
    """The event or command of an occasion, as far as what follows from it needs to know."""

    id: str
    type: str
    person_id: str
    sequence: int | None
    time: datetime
    correlationid: str
    depth: int
    traceparent: str | None


class Occasion:
    """One event or command as expressions see it. What is costly is made when the first expression asks for it."""

    def __init__(
        self,
        cause: Cause,
        kind: Vocabulary,
        sources: Mapping[str, Callable[[], JsonValue]],
        payload: object = None,
    ) -> None:
        self.cause = cause
        self.payload = payload
        """The data of the event or command as its model, where there is one."""
        self._kind = kind
        self._sources = sources
        self._known: dict[str, JsonValue] = {}
        self._values: Values | None = None

    @classmethod
    def of_event(cls, event: Event, person: Person | Portrait) -> "Occasion":
        """An event (a part of it, if an old one became several), and the person right after it."""
        state = person.person if isinstance(person, Portrait) else person
        cause = Cause(
            event.id,
            event.type,
            event.person_id,
            event.sequence,
            event.time,
            event.correlationid,
            event.causationdepth,
            event.traceparent,
        )
        return cls(
            cause,
            vocabulary(*ON_EVENTS),
            {
                "event": lambda: _view(cause, event.actor, plain_members(event.data)),
                "summary": lambda: _row(person),
                "facts": lambda: {**facts_of(event.data, state)},
            },
            event.data,
        )

    @classmethod
    def of_command(cls, command: Command, person: Person) -> "Occasion":
        """A command, and the person that it meets; for deny rules."""
        cause = Cause(
            command.id,
            command.type,
            command.person_id,
            None,
            command.now,
            command.correlationid,
            command.causationdepth,
            command.traceparent,
        )
        return cls(
            cause,
            vocabulary(*ON_COMMANDS),
            {
                "command": lambda: _view(cause, command.actor, plain_members(command.data)),
                "summary": lambda: _row(person),
                "facts": lambda: {**facts_of(command.data, person)},
            },
            command.data,
        )

    def __getitem__(self, variable: str) -> JsonValue:
        """What a variable stands for. `summary` is empty for a person that does not exist."""
        if variable not in self._known:
            self._known[variable] = self._sources[variable]()
        return self._known[variable]

    def values(self, reads: frozenset[str]) -> Values:
        """The variables that an expression reads, converted once for all that read them."""
        made = self._values
        if made is None or not reads <= made.names:
            names = reads if made is None else reads | made.names
            made = self._values = self._kind.values({name: self[name] for name in names})
        return made


def _view(cause: Cause, actor: str, data: dict[str, JsonValue]) -> dict[str, JsonValue]:
    view: dict[str, JsonValue] = {
        "id": cause.id,
        "type": cause.type,
        "subject": cause.person_id,
        "time": format_instant(cause.time),
        "actor": actor,
        "correlationid": cause.correlationid,
        "depth": cause.depth,
        "data": data,
    }
    if cause.sequence is not None:
        view["sequence"] = cause.sequence
    return view


def _row(person: Person | Portrait) -> JsonValue:
    row = render_summary(person)
    return {} if row is None else row
