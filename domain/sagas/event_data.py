"""What happens to a saga: the payload of every saga event, and the catalogue of them.

They say everything that the state of a saga is folded from, so a fold needs no definition, old or new."""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from pydantic import Field, JsonValue, StrictInt

from domain.envelope import Ordinal
from domain.ids import Uuid
from domain.model import Frozen
from domain.times import Instant

SAGA_EVENT_PREFIX: Final = "person.saga."

Direction = Literal["forward", "give_up", "undo"]
"""What a step is run for: to get on, to be told that nothing more will come, or to be undone."""

FailureCause = Literal["refused", "failed", "timeout", "cancelled"]


class Sent(Frozen):
    """One message that a step sends: which of its sends, with which number, and to or about whom."""

    i: StrictInt
    send: str
    to: Uuid | None = None
    """The person that it is sent to, or about, where that is not the person of the saga."""
    via: Uuid | None = None
    """The person through whom the saga came to `to`."""
    about: str | None = None
    """What it is about, an id of another domain."""
    answer: str | None = None
    """The token that answers it; a message without one is not waited for."""


class Receipt(Frozen):
    """An answer that was waited for, and when it came."""

    answer: str
    at: Instant
    data: dict[str, JsonValue] = Field(default_factory=dict)


class Origin(Frozen):
    """The saga event that began a step in its round. Its messages name it as their cause, also when they are sent again."""

    id: Uuid
    time: Instant
    correlationid: Uuid
    traceparent: str | None = None


class SagaEventData(Frozen):
    """What a saga event says beyond its envelope."""


class SagaStarted(SagaEventData):
    """The saga begins. A saga that is `past_pivot` from the start has nothing that could be undone."""

    saga: str
    business_key: str
    person_id: Uuid
    depth: StrictInt
    steps: tuple[str, ...]
    data: dict[str, JsonValue] = Field(default_factory=dict)
    past_pivot: bool = False


class StepStarted(SagaEventData):
    """A step, or its undo, is tried: what is sent, what is waited for, and until when."""

    step: str
    attempt: Ordinal
    round: Ordinal
    deadline: Instant | None = None
    direction: Direction = "forward"
    sends: tuple[Sent, ...] = ()
    awaits: tuple[str, ...] = ()
    origin: Origin | None = None
    """Absent: this event itself."""


class StepAdvanced(SagaEventData):
    """Something that a step waits for has come, and something else is still to come or follows from it."""

    step: str
    round: Ordinal
    direction: Direction = "forward"
    received: tuple[Receipt, ...] = ()
    sends: tuple[Sent, ...] = ()
    awaits: tuple[str, ...] = ()
    origin: Origin | None = None
    past_pivot: bool = False


class StepCompleted(SagaEventData):
    """A step is done. What was so already is not `undoable`."""

    step: str
    result: dict[str, JsonValue] = Field(default_factory=dict)
    received: tuple[Receipt, ...] = ()
    undoable: bool = False
    past_pivot: bool = False


class StepFailed(SagaEventData):
    """A try of a step, or of its undo, failed. It is tried again at `retry_at`, or at once without one."""

    step: str
    attempt: Ordinal
    round: Ordinal = 1
    cause: FailureCause
    code: str | None = None
    will_retry: bool
    direction: Direction = "forward"
    retry_at: Instant | None = None
    renew: bool = False
    """Whether the next try needs new commands, since the old ones have their final answer."""
    goes_on: bool = False
    """Whether the steps behind it are done all the same."""
    undoable: bool = False
    """Whether what it sent may have taken effect, and has to be undone."""
    by: str | None = None
    reason: str | None = None


class CompensationStarted(SagaEventData):
    """What was done is undone, in this order."""

    failed_step: str
    to_undo: tuple[str, ...] = ()


class StepCompensated(SagaEventData):
    """A step is undone; `sends` tells others, who need not answer."""

    step: str
    round: Ordinal
    sends: tuple[Sent, ...] = ()


class SagaRetried(SagaEventData):
    """Somebody lets a failed saga go on."""

    round: Ordinal
    by: str
    reason: str


class StepSkipped(SagaEventData):
    """Somebody says that a step, or its undo, is done."""

    step: str
    by: str
    reason: str
    direction: Direction = "forward"
    undoable: bool = False
    past_pivot: bool = False


class SagaPaused(SagaEventData):
    """Nothing is sent while the erasure of the person is pending."""

    cause: Literal["erasure_pending"] = "erasure_pending"


class SagaResumed(SagaEventData):
    """The saga goes on: the person stays."""


class SagaCompleted(SagaEventData):
    """The saga did what it was for; an `abandoned` one has nothing left to do."""

    abandoned: bool = False
    receipts: tuple[Receipt, ...] = ()


class SagaCompensated(SagaEventData):
    """Everything that the saga did is undone; of an `abandoned` one nobody is left to undo it for."""

    abandoned: bool = False


class SagaFailed(SagaEventData):
    """The saga waits for an operator, or was ended by one."""

    error: str
    step: str | None = None
    unreached: tuple[str, ...] = ()
    abandoned: bool = False
    by: str | None = None
    reason: str | None = None


class SagaEventSpec(NamedTuple):
    """One saga event type. Its name is the token of the subject and the end of the type."""

    name: str
    model: type[SagaEventData]
    version: int = 1

    @property
    def type(self) -> str:
        """The type of the envelope."""
        return SAGA_EVENT_PREFIX + self.name


_ALL: Final = (
    SagaEventSpec("started", SagaStarted),
    SagaEventSpec("step_started", StepStarted),
    SagaEventSpec("step_advanced", StepAdvanced),
    SagaEventSpec("step_completed", StepCompleted),
    SagaEventSpec("step_failed", StepFailed),
    SagaEventSpec("compensation_started", CompensationStarted),
    SagaEventSpec("step_compensated", StepCompensated),
    SagaEventSpec("retried", SagaRetried),
    SagaEventSpec("skipped", StepSkipped),
    SagaEventSpec("paused", SagaPaused),
    SagaEventSpec("resumed", SagaResumed),
    SagaEventSpec("completed", SagaCompleted),
    SagaEventSpec("compensated", SagaCompensated),
    SagaEventSpec("failed", SagaFailed),
)
SAGA_EVENTS: Final[Mapping[str, SagaEventSpec]] = {spec.type: spec for spec in _ALL}
SPEC_OF_SAGA_EVENT: Final[Mapping[type[SagaEventData], SagaEventSpec]] = {spec.model: spec for spec in _ALL}
