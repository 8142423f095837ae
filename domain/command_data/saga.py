"""Commands on sagas: start one, answer it, and what an operator may do to it."""

import re
from typing import Annotated, Final, Literal, Self

from pydantic import Field, JsonValue, model_validator

from domain.command_data.base import CommandData, CommandSpec
from domain.ids import saga_id_of
from domain.model import Frozen
from domain.relations import ForeignId, LocationType
from domain.times import Day
from domain.values.rules import Label, Reason, Slug, broken, on_entry

StartableSaga = Literal["archival", "cross_domain_sync"]
ArchivalCause = Literal["Archived", "Deceased"]

# Without "@" and blanks: a key is an id, never personal data.
_KEY: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)
_SIGNAL: Final = re.compile(r"[a-z][a-z0-9_]{0,31}(?:\.[a-z][a-z0-9_]{0,31})?", re.ASCII)
_STEP: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}", re.ASCII)


def _key(text: str) -> str:
    if _KEY.fullmatch(text) is None:
        raise broken("opaque_key")
    return text


def _signal(text: str) -> str:
    if _SIGNAL.fullmatch(text) is None:
        raise broken("signal")
    return text


def _step(text: str) -> str:
    if _STEP.fullmatch(text) is None:
        raise broken("step")
    return text


StepName = Annotated[str, on_entry(_step, pattern=f"^{_STEP.pattern}$")]


class SyncedIdentity(Frozen):
    """An identity to link."""

    identity_id: ForeignId
    identity_type: Slug


class SyncedLocation(Frozen):
    """A place to assign."""

    location_id: ForeignId
    location_type: LocationType


class SyncedEmployment(Frozen):
    """A post to take up."""

    organization_id: ForeignId
    role: Label
    start_date: Day


class SagaInput(Frozen):
    """What a saga works on: of an archival its cause, of a cross-domain sync at least one of the three parts."""

    cause: ArchivalCause | None = None
    effective_date: Day | None = None
    identity: SyncedIdentity | None = None
    location: SyncedLocation | None = None
    employment: SyncedEmployment | None = None

    @property
    def is_of_archival(self) -> bool:
        """Whether it says what an archival needs, and nothing else."""
        return self.cause is not None and not self._parts

    @property
    def is_of_sync(self) -> bool:
        """Whether it says what a cross-domain sync needs, and nothing else."""
        return self.cause is None and self.effective_date is None and bool(self._parts)

    @property
    def _parts(self) -> tuple[Frozen, ...]:
        return tuple(part for part in (self.identity, self.location, self.employment) if part is not None)


class StartSaga(CommandData):
    """Start a saga of a person. A second one with the same business key is refused."""

    saga: StartableSaga
    key: Annotated[str, on_entry(_key, pattern=f"^{_KEY.pattern}$")] | None = None
    """Tells the syncs of one person apart; an archival has none."""
    data: SagaInput

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.key is None) != (self.saga == "archival"):
            raise broken("key_of_sync")
        if not (self.data.is_of_archival if self.saga == "archival" else self.data.is_of_sync):
            raise broken(f"data_of_{self.saga}")
        return self

    def business_key(self, person_id: str) -> str:
        """What may have one saga only."""
        own_key = () if self.key is None else (self.key,)
        return ":".join((self.saga, person_id, *own_key))

    def saga_id(self, person_id: str) -> str:
        """Id of the saga that this starts."""
        return saga_id_of(self.business_key(person_id))


class CancelSaga(CommandData):
    """Undo what a running saga has done."""

    reason: Reason


class RetrySaga(CommandData):
    """Go on with a failed saga, from the step that failed."""

    reason: Reason


class SignalSaga(CommandData):
    """Tell a saga what it may wait for; a signal that it does not wait for is accepted and changes nothing."""

    signal: Annotated[str, on_entry(_signal, pattern=f"^{_SIGNAL.pattern}$")]
    data: dict[str, JsonValue] = Field(default_factory=dict)


class SkipSagaStep(CommandData):
    """Take a step, or its undo, as done, since somebody has done it by hand."""

    step: StepName
    reason: Reason


class AbortSaga(CommandData):
    """End a saga as it is; nothing is sent or undone any more."""

    reason: Reason


COMMANDS: Final[tuple[CommandSpec, ...]] = (
    CommandSpec("saga.start", StartSaga),
    CommandSpec("saga.cancel", CancelSaga),
    CommandSpec("saga.retry", RetrySaga),
    CommandSpec("saga.signal", SignalSaga),
    CommandSpec("saga.skip", SkipSagaStep),
    CommandSpec("saga.abort", AbortSaga),
)
