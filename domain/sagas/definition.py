"""What a saga is: steps with what they send, await and undo, as data. What cannot be data is a small named function of the saga's module."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Literal, NamedTuple

from pydantic import JsonValue

from domain.event_data.base import EventData
from domain.person import Person
from domain.sagas.event_data import FailureCause, Receipt, Sent
from domain.sagas.inputs import OutcomeInput, PersonEventInput, SagaInput, StartInput
from domain.sagas.state import Saga

Template = Mapping[str, JsonValue]
"""Data of a message. A text that starts with ``=`` is a path: ``=saga_id``, ``=person_id``, ``=data.<member>…``, ``=to``, ``=via``, ``=about``."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a step is tried again, and how long it rests before."""

    retries: int = 3
    first: timedelta = timedelta(milliseconds=100)
    factor: int = 2
    longest: timedelta = timedelta(seconds=10)

    def delay(self, attempt: int) -> timedelta:
        """The rest behind a try, counted from 1; jitter is added by who sets the timer."""
        delay: timedelta = self.first * self.factor ** min(attempt - 1, 32)
        return min(delay, self.longest)


@dataclass(frozen=True, slots=True)
class Send:
    """One message of a step: a command of a person, or one of a neighbouring domain."""

    name: str
    type: str
    data: Template = field(default_factory=dict)
    subject: str = "=person_id"
    """Path of the person that the command is for."""

    @property
    def is_foreign(self) -> bool:
        """Whether another domain gets it."""
        return not self.type.startswith("person.")

    @property
    def domain(self) -> str:
        """The domain that gets it."""
        return self.type.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The outcome of every command that the step sends."""


@dataclass(frozen=True, slots=True)
class PersonEvent:
    """An event of the saga's person of which the named fields equal these values, each a path or a constant."""

    type: str
    fields: Template = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Signals:
    """The signal ``<domain>.<word>`` of every domain that the step sends to; for each person, where it sends for several."""

    word: str


@dataclass(frozen=True, slots=True)
class Until:
    """A time, named by the member of the saga's data that holds it."""

    member: str


Await = Outcomes | PersonEvent | Signals | Until


@dataclass(frozen=True, slots=True)
class NothingToUndo:
    """A step without undo says why there is nothing to undo."""

    reason: str


@dataclass(frozen=True, slots=True)
class Undo:
    """How a step is undone. `then` is sent when it is, and not waited for."""

    sends: tuple[Send, ...]
    awaits: Outcomes | Signals
    timeout: timedelta
    retry: Retry = field(default_factory=Retry)
    ok_codes: frozenset[str] = frozenset()
    then: tuple[Send, ...] = ()
    even_if_failed: bool = True
    """Whether a failed step is undone too, since what it sent may have taken effect."""


class Follow(NamedTuple):
    """What an answer leads to beyond itself: more messages, or the end of the saga."""

    sends: tuple[Sent, ...] = ()
    past_pivot: bool = False
    data: Mapping[str, JsonValue] = {}
    """What of the answer is kept."""
    ends: bool = False
    """Whether nothing is left to do for the saga."""


Plan = Callable[[Saga], tuple[Sent, ...]]
"""The messages of a step, numbered from 0."""
FollowUp = Callable[[Saga, Sent, OutcomeInput], Follow | None]
"""What the outcome of a message leads to; None leaves it to the general rules."""
AlreadyDone = Callable[[Saga, Person], bool]
"""Whether what a step is for holds before it is started."""
Result = Callable[[Saga, Person, tuple[Receipt, ...]], Mapping[str, JsonValue]]
"""Ids that the completion of a step brings, from the person and from what was received."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step. Steps are done one at a time, in the order in which the saga lists them."""

    name: str
    sends: tuple[Send, ...] = ()
    awaits: Await
    timeout: timedelta | None
    """None only where the step awaits a time."""
    by_people: bool = False
    """Whether people do what it awaits: it is not tried again after a timeout."""
    retry: Retry = field(default_factory=Retry)
    ok_codes: frozenset[str] = frozenset()
    """Refusals that count as success."""
    wait_codes: frozenset[str] = frozenset()
    """Refusals that say that what the step awaits is on its way."""
    pivot: bool = False
    undo: Undo | NothingToUndo | None = None
    """None only where nothing is undone: from the pivot on."""
    only_with: str | None = None
    """Member of the saga's data without which the step is left out."""
    plan: Plan | None = None
    """Absent: each send once, in order."""
    follow: FollowUp | None = None
    already: AlreadyDone | None = None
    result: Result | None = None


End = Literal["completed", "compensated", "undo"]


class Verdict(NamedTuple):
    """What the person itself says about the whole saga: it is over, well or not."""

    end: End
    cause: FailureCause = "refused"
    code: str | None = None
    also_done: tuple[str, ...] = ()
    """Steps that are to be undone although the saga has not seen them completed."""


Settle = Callable[[Saga, SagaInput, Person], Verdict | None]
BusinessKey = Callable[[PersonEventInput], str]
StartData = Callable[[PersonEventInput], Mapping[str, JsonValue]]
CompleteData = Callable[[StartInput], Mapping[str, JsonValue]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaDefinition:
    """One kind of saga."""

    name: str
    title: str
    purpose: str
    starts_on: type[EventData] | None
    """The event that starts it; None: StartSaga does."""
    key: BusinessKey | None = None
    start_data: StartData | None = None
    complete_data: CompleteData | None = None
    """Fills in what StartSaga may leave out."""
    steps: tuple[Step, ...]
    give_up: Step | None = None
    """What is asked once a step has failed for good, before anything is undone."""
    forward_only: bool = False
    """Whether the pivot lies before the first step."""
    undoes: bool = True
    """Whether a step that fails for good leads to compensation; else the saga waits for an operator."""
    goes_on: bool = False
    """Whether steps behind a failed one are done all the same."""
    cancellable: bool = True
    heeds_erasure: bool = True
    """Whether it pauses while the erasure of the person is pending and ends with it."""
    end_on_erasure: Literal["completed", "compensated"] = "compensated"
    settle: Settle | None = None
    settled_by: Mapping[type[EventData], End] = field(default_factory=dict)
    """Events that `settle` looks at, and what they lead to."""
    keeps_receipts: bool = False

    def step(self, name: str) -> Step:
        """The step of a name. Raises KeyError."""
        if self.give_up is not None and name == self.give_up.name:
            return self.give_up
        return next((one for one in self.steps if one.name == name), None) or _missing(name)

    def chosen(self, data: Mapping[str, JsonValue]) -> tuple[str, ...]:
        """Names of the steps that a saga with this data has."""
        return tuple(one.name for one in self.steps if one.only_with is None or data.get(one.only_with) is not None)


def _missing(name: str) -> Step:
    raise KeyError(name)


Timeouts = Mapping[str, timedelta]
"""Other time limits than those of the definitions, by ``<saga>/<step>``, of an undo by ``<saga>/<step>/undo``."""
OWN_TIMEOUTS: Final[Timeouts] = {}

Starting = PersonEventInput | StartInput


def look_up(path: str, saga: Saga, sent: Sent | None = None) -> JsonValue:
    """The value at a path of a template, None if there is none. Only what `started` said of a saga is read, so it never changes."""
    root, *members = path.removeprefix("=").split(".")
    if root in _OF_SENT:
        return getattr(sent, root, None)
    if root != "data":
        value: JsonValue = getattr(saga, root)
        return value
    held: JsonValue = saga.data
    for member in members:
        held = held.get(member) if isinstance(held, dict) else None
    return held


def fill(template: Template, saga: Saga, sent: Sent | None = None) -> dict[str, JsonValue]:
    """A template with the values of its paths; members without a value are left out."""
    filled = {
        name: look_up(value, saga, sent) if isinstance(value, str) and value.startswith("=") else value
        for name, value in template.items()
    }
    return {name: value for name, value in filled.items() if value is not None}


_OF_SENT: Final = ("to", "via", "about")
