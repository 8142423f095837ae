"""One reaction of a saga: collects the events that an input leads to and folds each of them at once."""

from collections.abc import Sequence
from typing import Final

from domain.event_data.privacy import PersonErased
from domain.ids import derive
from domain.person import Person
from domain.sagas.cause import cause_of
from domain.sagas.definition import Follow, PersonEvent, SagaDefinition, Timeouts, Undo, Verdict, fill
from domain.sagas.event_data import (
    SPEC_OF_SAGA_EVENT,
    CompensationStarted,
    Direction,
    FailureCause,
    Receipt,
    SagaCompensated,
    SagaCompleted,
    SagaEventData,
    SagaFailed,
    SagaPaused,
    SagaResumed,
    SagaStarted,
    StepAdvanced,
    StepCompensated,
    StepCompleted,
    StepFailed,
    StepStarted,
)
from domain.sagas.evolve import evolve
from domain.sagas.inputs import OutcomeInput, PersonEventInput, SagaInput, SignalInput, TimerInput
from domain.sagas.move import EVENT, TIMER, Move, open_sends
from domain.sagas.saga_events import SagaEvent
from domain.sagas.state import Saga
from domain.standing import ErasurePending

REJECTED: Final = ".rejected"
_KEPT_OF_SIGNAL: Final = ("person_id", "position")


class Run:
    """The saga as it is after the events that were recorded so far, and what may happen to it."""

    def __init__(
        self, definition: SagaDefinition, saga: Saga, given: SagaInput, person: Person, timeouts: Timeouts
    ) -> None:
        self.definition = definition
        self.saga = saga
        self.person = person
        self.events: list[SagaEvent] = []
        self._given = given
        self._timeouts = timeouts
        self._is_erased = person.is_erased
        self._cause = cause_of(saga, given)

    @property
    def actor(self) -> str:
        """Who gave the input."""
        return self._cause.actor

    def record(self, data: SagaEventData) -> None:
        """Let something happen to the saga."""
        sequence = self.saga.version + 1
        event = SagaEvent.model_construct(
            id=derive(self.saga.saga_id, str(sequence)),
            type=SPEC_OF_SAGA_EVENT[type(data)].type,
            saga_id=self.saga.saga_id,
            saga=self.saga.saga,
            person_id=self.saga.person_id,
            sequence=sequence,
            time=self._cause.time,
            correlationid=self._cause.correlationid,
            causationid=self._cause.id,
            causationdepth=data.depth if isinstance(data, SagaStarted) else self.saga.depth,
            actor=self._cause.actor,
            traceparent=self._cause.traceparent,
            data=data,
        )
        self.events.append(event)
        self.saga = evolve(self.saga, event)

    # What the inputs say.

    def on_outcome(self, given: OutcomeInput) -> None:
        """A command of the step under way was decided, or could not be."""
        saga, move = self.saga, self._move()
        sent = next((one for one in open_sends(saga) if move and move.is_command(saga, one, given.command_id)), None)
        if sent is None or move is None:
            return
        follow = move.step.follow
        led_to = follow(saga, sent, given) if follow is not None and move.undo is None else None
        is_own = move.is_for_own_person(saga, sent)
        if led_to is not None:
            self._receive(sent.answer, led_to)
        elif given.status == "accepted" or given.code in move.ok_codes:
            self._receive(sent.answer, Follow())
        elif given.status == "failed":
            if saga.phase == "waiting":
                self.fail("failed", given.code, retryable=True)
        elif given.code == "person_erased" and is_own and self.definition.heeds_erasure:
            self._is_erased = True
        elif given.code == "erasure_pending" and is_own:
            self.fail("refused", given.code, retryable=True, renew=True)
        elif given.code not in move.wait_codes:
            self.fail("refused", given.code, retryable=False)

    def on_signal(self, given: SignalInput) -> None:
        """A neighbouring domain answers, or rejects what it was asked."""
        if given.signal.endswith(REJECTED):
            self._on_rejection(given)
            return
        # Where the saga has asked for several persons, the signal of each has a token of its own.
        for token in (f"{given.signal}/{given.data.get('person_id')}", given.signal):
            if token in self.saga.awaiting:
                kept = {name: value for name, value in given.data.items() if name in _KEPT_OF_SIGNAL}
                self._receive(token, Follow(data=kept))
                return

    def on_timer(self, given: TimerInput) -> None:
        """The timer is due, if it is the one that the saga has."""
        saga, move = self.saga, self._move()
        own = (saga.step, saga.round, saga.attempt, saga.timer.sequence if saga.timer is not None else None)
        if move is None or (given.step, given.round, given.attempt, given.sequence) != own:
            return
        if saga.phase == "retrying":
            self._start_again(move)
        elif TIMER in saga.awaiting:
            self._receive(TIMER, Follow())
        else:
            self.fail("timeout", None, retryable=move.is_retried_after_silence)

    def on_person_event(self, given: PersonEventInput) -> None:
        """Something happened to the person, which may be what the step awaits."""
        data, move = given.event.data, self._move()
        if isinstance(data, PersonErased):
            self._is_erased = True
        if move is None or not isinstance(move.awaits, PersonEvent) or given.event.type != move.awaits.type:
            return
        wanted = fill(move.awaits.fields, self.saga)
        if all(getattr(data, name, None) == value for name, value in wanted.items()):
            self._receive(EVENT, Follow())

    # What follows of itself.

    def go_on(self) -> None:
        """Do all that is due, until the saga waits for somebody, may not send, or has ended."""
        while not self.saga.is_ended and not self._ends_by_erasure():
            if self._settle():
                continue
            self._pause_or_resume()
            if self.saga.paused or self.saga.phase in ("waiting", "retrying"):
                return
            self._next()

    def fail(
        self,
        cause: FailureCause,
        code: str | None,
        *,
        retryable: bool,
        renew: bool = False,
        reason: str | None = None,
    ) -> None:
        """The try under way fails: it is made again, or the step has failed for good."""
        saga, move = self.saga, self._move()
        assert move is not None
        will_retry = renew or (retryable and saga.attempt <= move.retry.retries)
        rest = move.retry.delay(saga.attempt)
        self.record(
            StepFailed(
                step=move.step.name,
                attempt=saga.attempt,
                round=saga.round,
                cause=cause,
                code=code,
                will_retry=will_retry,
                direction=move.direction,
                retry_at=self._cause.clock + rest if will_retry and not saga.paused else None,
                renew=renew,
                goes_on=not will_retry and move.direction == "forward" and self.definition.goes_on,
                undoable=not will_retry and move.may_have_taken_effect(saga, cause),
                by=None if reason is None else self.actor,
                reason=reason,
            )
        )
        if not will_retry and not self._can_go_on_after(move):
            what = f"undo of {move.step.name}" if move.undo is not None else move.step.name
            self.record(SagaFailed(error=f"{what}: {cause}{f' {code}' if code else ''}", step=move.step.name))

    def due_step(self) -> str | None:
        """The first step that is neither done nor given up."""
        saga = self.saga
        return next((one for one in saga.steps if not saga.is_done(one) and one not in saga.unreached), None)

    def _next(self) -> None:
        saga, move = self.saga, self._move()
        if move is not None:
            self._start_again(move)
        elif saga.status == "Compensating":
            self._undo_next()
        elif saga.failure is not None:
            give_up = self.definition.give_up
            if give_up is not None and not saga.gave_up:
                self._start(give_up.name, "give_up")
            else:
                self._compensate(saga.failure.step, saga.failure.undoable)
        elif (due := self.due_step()) is not None:
            self._start(due, "forward")
        else:
            self._finish()

    def _finish(self) -> None:
        if self.saga.unreached:
            self.record(SagaFailed(error="unreached", unreached=self.saga.unreached))
            return
        receipts = self.saga.received if self.definition.keeps_receipts else ()
        self.record(SagaCompleted(receipts=receipts))

    def _undo_next(self) -> None:
        if self.saga.to_undo:
            self._start(self.saga.to_undo[0], "undo")
        else:
            self.record(SagaCompensated())

    def _compensate(self, failed_step: str, is_undone_too: bool, also_done: Sequence[str] = ()) -> None:
        """Undo in the reverse order of the steps, which is that in which they were done."""
        done = {one.step for one in self.saga.done if one.undoable}.union(also_done)
        if is_undone_too:
            done.add(failed_step)
        to_undo = tuple(one for one in reversed(self.saga.steps) if one in done)
        self.record(CompensationStarted(failed_step=failed_step, to_undo=to_undo))

    def _can_go_on_after(self, move: Move) -> bool:
        """Whether something is left to do by itself once a move has failed for good."""
        if move.direction != "forward":
            return False
        return self.definition.goes_on or (self.definition.undoes and not self.saga.past_pivot)

    def _ends_by_erasure(self) -> bool:
        if not (self._is_erased and self.definition.heeds_erasure):
            return False
        if self.definition.end_on_erasure == "completed":
            self.record(SagaCompleted(abandoned=True))
        else:
            self.record(SagaCompensated(abandoned=True))
        return True

    def _pause_or_resume(self) -> None:
        is_pending = isinstance(self.person.erasure, ErasurePending) and self.definition.heeds_erasure
        if is_pending and not self.saga.paused:
            self.record(SagaPaused())
        elif self.saga.paused and not is_pending:
            self.record(SagaResumed())

    def _settle(self) -> bool:
        """Let the person have the last word; tells whether it had one."""
        settle = self.definition.settle
        if settle is None or self.saga.status != "Running":
            return False
        verdict = settle(self.saga, self._given, self.person)
        if verdict is None:
            return False
        failed_step = self.saga.failure.step if self.saga.failure is not None else self.saga.step or self.due_step()
        self._close_step_under_way(verdict)
        if verdict.end == "undo":
            self._compensate(str(failed_step), False, verdict.also_done)
        else:
            self.record(SagaCompleted() if verdict.end == "completed" else SagaCompensated())
        return True

    def _close_step_under_way(self, verdict: Verdict) -> None:
        saga, move = self.saga, self._move()
        if move is None:
            return
        if move.direction == "give_up":
            self.record(StepCompleted(step=move.step.name))
        elif verdict.end == "completed":
            self._complete(move, ())
        else:
            self.record(
                StepFailed(
                    step=move.step.name,
                    attempt=saga.attempt,
                    round=saga.round,
                    cause=verdict.cause,
                    code=verdict.code,
                    will_retry=False,
                )
            )

    # One step.

    def _move(self) -> Move | None:
        return Move.under_way(self.definition, self.saga)

    def _start(self, name: str, direction: Direction) -> None:
        move = Move(self.definition, self.definition.step(name), direction)
        if not self._is_done_already(move, is_sent=False):
            self._try(move, 1)

    def _start_again(self, move: Move) -> None:
        """The next try of the step under way."""
        if not self._is_done_already(move, is_sent=True):
            self._try(move, self.saga.attempt)

    def _try(self, move: Move, attempt: int) -> None:
        """Ask: with the commands that nobody has answered, or with new ones where there are none."""
        saga = self.saga
        is_repeated = self._move() is not None and bool(saga.awaiting)
        sends = tuple(open_sends(saga)) if is_repeated else move.planned(saga)
        due_at, limit = move.due_at(saga), self._timeouts.get(move.limit, move.timeout)
        self.record(
            StepStarted(
                step=move.step.name,
                attempt=attempt,
                round=saga.round,
                deadline=due_at if due_at is not None or limit is None else self._cause.clock + limit,
                direction=move.direction,
                sends=sends,
                awaits=saga.awaiting if is_repeated else move.awaited(sends),
                origin=saga.origin if is_repeated else None,
            )
        )

    def _is_done_already(self, move: Move, *, is_sent: bool) -> bool:
        """Complete a step whose aim is reached; what the saga has asked for itself counts as its own."""
        if move.direction != "forward":
            return False
        step, due_at = move.step, move.due_at(self.saga)
        reached = step.already is not None and step.already(self.saga, self.person)
        if not reached and (due_at is None or due_at > self._cause.time):
            return False
        undoable = is_sent and isinstance(step.undo, Undo)
        self.record(StepCompleted(step=step.name, undoable=undoable, past_pivot=step.pivot))
        return True

    def _receive(self, token: str | None, follow: Follow) -> None:
        """An answer came. The step is complete when it was the last."""
        saga, move = self.saga, self._move()
        if token is None or token not in saga.awaiting or move is None:
            return
        receipt = Receipt(answer=token, at=self._cause.time, data=dict(follow.data))
        sends = move.numbered(saga, follow.sends, saga.next_send)
        awaits = tuple(one.answer for one in sends if one.answer is not None)
        if len(saga.awaiting) > 1 or awaits:
            self.record(
                StepAdvanced(
                    step=move.step.name,
                    round=saga.round,
                    direction=move.direction,
                    received=(receipt,),
                    sends=sends,
                    awaits=awaits,
                    origin=saga.origin if sends else None,
                    past_pivot=follow.past_pivot,
                )
            )
        elif move.undo is not None:
            self.record(StepCompensated(step=move.step.name, round=saga.round, sends=move.afterwards(saga)))
        else:
            self._complete(move, (receipt,))
            if follow.ends:
                self.record(SagaCompleted(abandoned=True))

    def _complete(self, move: Move, received: tuple[Receipt, ...]) -> None:
        saga, step = self.saga, move.step
        result = step.result(saga, self.person, (*saga.received, *received)) if step.result is not None else {}
        self.record(
            StepCompleted(
                step=step.name,
                result=dict(result),
                received=received,
                undoable=move.direction == "forward" and isinstance(step.undo, Undo),
                past_pivot=step.pivot,
            )
        )

    def _on_rejection(self, given: SignalInput) -> None:
        saga, move = self.saga, self._move()
        if move is None:
            return
        domain, command_id = given.signal.removesuffix(REJECTED), given.data.get("command_id")
        asked = [one for one in open_sends(saga) if move.send_of(one).domain == domain]
        if command_id is not None:
            asked = [one for one in asked if move.is_command(saga, one, str(command_id))]
        if asked:
            code = given.data.get("code")
            self.fail("refused", code if isinstance(code, str) else "rejected", retryable=False)
