"""One step in one direction: what it sends under which numbers, which tokens answer it, how long it may take, and what it puts up with."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from domain.sagas.definition import (
    Await,
    Outcomes,
    PersonEvent,
    Retry,
    SagaDefinition,
    Send,
    Signals,
    Step,
    Undo,
    Until,
    look_up,
)
from domain.sagas.effects import command_id_of, sends_of
from domain.sagas.event_data import Direction, FailureCause, Sent
from domain.sagas.state import Saga
from domain.times import parse_instant

EVENT: Final = "event"
"""Token of the one person event that a step may await."""
TIMER: Final = "timer"
"""Token of the time that a step may await."""
OWN_PERSON: Final = "=person_id"


@dataclass(frozen=True, slots=True)
class Move:
    """A step, or its undo, of a saga."""

    definition: SagaDefinition
    step: Step
    direction: Direction

    @classmethod
    def under_way(cls, definition: SagaDefinition, saga: Saga) -> "Move | None":
        """Where a saga stands; None between two steps. Raises KeyError for a step that the definition does not have."""
        if saga.phase == "idle" or saga.step is None:
            return None
        return cls(definition, definition.step(saga.step), saga.direction)

    @property
    def undo(self) -> Undo | None:
        """How the step is undone, if that is what this is about."""
        return self.step.undo if self.direction == "undo" and isinstance(self.step.undo, Undo) else None

    @property
    def awaits(self) -> Await:
        """What completes it."""
        return self.undo.awaits if self.undo is not None else self.step.awaits

    @property
    def retry(self) -> Retry:
        """How often it is tried."""
        return self.undo.retry if self.undo is not None else self.step.retry

    @property
    def timeout(self) -> timedelta | None:
        """How long a try may take."""
        return self.undo.timeout if self.undo is not None else self.step.timeout

    @property
    def limit(self) -> str:
        """How its time limit is called."""
        return f"{self.definition.name}/{self.step.name}{'/undo' if self.undo is not None else ''}"

    @property
    def ok_codes(self) -> frozenset[str]:
        """Refusals that count as success."""
        return self.undo.ok_codes if self.undo is not None else self.step.ok_codes

    @property
    def wait_codes(self) -> frozenset[str]:
        """Refusals after which it goes on waiting."""
        return frozenset() if self.undo is not None else self.step.wait_codes

    @property
    def is_retried_after_silence(self) -> bool:
        """Whether no answer leads to another try."""
        return self.undo is not None or not self.step.by_people

    def planned(self, saga: Saga) -> tuple[Sent, ...]:
        """What a try sends, under numbers that the round has not used."""
        if self.undo is None and self.step.plan is not None:
            plan = self.step.plan(saga)
        else:
            sends = self.undo.sends if self.undo is not None else self.step.sends
            plan = tuple(Sent(i=0, send=one.name) for one in sends)
        is_same = saga.step == self.step.name and saga.direction == self.direction
        return self.numbered(saga, plan, saga.next_send if is_same else 0)

    def numbered(self, saga: Saga, sends: Sequence[Sent], first: int) -> tuple[Sent, ...]:
        """Messages with their numbers and the tokens that answer them."""
        numbered = (one.model_copy(update={"i": first + number}) for number, one in enumerate(sends))
        return tuple(one.model_copy(update={"answer": self._answer(saga, one)}) for one in numbered)

    def awaited(self, sends: Iterable[Sent]) -> tuple[str, ...]:
        """The tokens that complete it."""
        if isinstance(self.awaits, PersonEvent):
            return (EVENT,)
        if isinstance(self.awaits, Until):
            return (TIMER,)
        return tuple(one.answer for one in sends if one.answer is not None)

    def afterwards(self, saga: Saga) -> tuple[Sent, ...]:
        """What is told to others once the step is undone: one message for each id that it had brought."""
        return self.numbered(saga, [*self._told(saga)], saga.next_send)

    def due_at(self, saga: Saga) -> datetime | None:
        """The time that it awaits; None if it awaits something else."""
        return parse_instant(str(saga.data[self.awaits.member])) if isinstance(self.awaits, Until) else None

    def send_of(self, sent: Sent) -> Send:
        """What the definition says about a message."""
        known = sends_of(self.definition, self.step.name, self.direction)
        return next(one for one in known if one.name == sent.send)

    def is_command(self, saga: Saga, sent: Sent, command_id: str) -> bool:
        """Whether a message has an id."""
        return command_id_of(saga.saga_id, self.step.name, self.direction, saga.round, sent.i) == command_id

    def is_for_own_person(self, saga: Saga, sent: Sent) -> bool:
        """Whether a command goes to the person of the saga."""
        return look_up(self.send_of(sent).subject, saga, sent) == saga.person_id

    def may_have_taken_effect(self, saga: Saga, cause: FailureCause) -> bool:
        """Whether a failed step has to be undone. A rejection says that nothing was done, unless an earlier try met silence."""
        undo = self.step.undo
        if self.direction != "forward" or not isinstance(undo, Undo) or not undo.even_if_failed or not saga.sends:
            return False
        return cause != "refused" or saga.attempt > 1

    def _answer(self, saga: Saga, sent: Sent) -> str | None:
        send = self.send_of(sent)
        if isinstance(self.awaits, Outcomes) and not send.is_foreign:
            return f"outcome:{sent.i}"
        if isinstance(self.awaits, Signals) and send.is_foreign:
            person = "" if send.subject == OWN_PERSON else f"/{look_up(send.subject, saga, sent)}"
            return f"{send.domain}.{self.awaits.word}{person}"
        return None

    def _told(self, saga: Saga) -> Iterator[Sent]:
        ids = saga.result_of(self.step.name).get("ids")
        for send in self.undo.then if self.undo is not None else ():
            abouts = ids if isinstance(ids, list) and "=about" in send.data.values() else [None]
            yield from (Sent(i=0, send=send.name, about=None if one is None else str(one)) for one in abouts)


def open_sends(saga: Saga) -> list[Sent]:
    """The messages of the step under way that nobody has answered."""
    return [one for one in saga.sends if one.answer is None or one.answer in saga.awaiting]
