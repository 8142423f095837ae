"""One reaction of a saga: collects the events that an input leads to and folds each of them at once."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from domain.event_catalogue import SPEC_OF
from domain.event_data.privacy import PersonErased
from domain.ids import derive
from domain.person import Person
from domain.sagas.definition import (
    Follow,
    Outcomes,
    PersonEvent,
    Retry,
    SagaDefinition,
    Send,
    Signals,
    Step,
    Timeouts,
    Undo,
    Until,
    Verdict,
    fill,
    look_up,
)
from domain.sagas.effects import command_id_of, sends_of
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
    Sent,
    StepAdvanced,
    StepCompensated,
    StepCompleted,
    StepFailed,
    StepStarted,
)
from domain.sagas.evolve import evolve
from domain.sagas.inputs import OutcomeInput, PersonEventInput, SagaInput, SignalInput, TimerInput
from domain.sagas.saga_events import SagaEvent
from domain.sagas.state import Saga
from domain.standing import ErasurePending
from domain.times import parse_instant

EVENT: Final = "event"
"""Token of the one person event that a step may await."""
TIMER: Final = "timer"
"""Token of the time that a step may await."""
REJECTED: Final = ".rejected"


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
        self._cause = _Cause(saga, given)

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
            traceparent=self._given.traceparent,
            data=data,
        )
        self.events.append(event)
        self.saga = evolve(self.saga, event)

    # What the inputs say.

    def on_outcome(self, given: OutcomeInput) -> None:
        """A command of the step under way was decided, or could not be."""
        sent = next((one for one in self._open_sends() if self._is_command(one, given.command_id)), None)
        step = self._step_under_way()
        if sent is None or step is None:
            return
        follow = step.follow
        led_to = follow(self.saga, sent, given) if follow is not None and self.saga.direction == "forward" else None
        if led_to is not None:
            self._receive(sent.answer, led_to)
        elif given.status == "accepted" or given.code in self._ok_codes(step):
            self._receive(sent.answer, Follow())
        elif given.status == "failed":
            if self.saga.phase == "waiting":
                self.fail("failed", given.code, retryable=True)
        elif given.code == "person_erased" and self._is_for_own_person(sent) and self.definition.heeds_erasure:
            self._is_erased = True
        elif given.code == "erasure_pending" and self._is_for_own_person(sent):
            self.fail("refused", given.code, retryable=True, renew=True)
        elif given.code not in step.wait_codes or self.saga.direction == "undo":
            self.fail("refused", given.code, retryable=False)

    def on_signal(self, given: SignalInput) -> None:
        """A neighbouring domain answers, or rejects what it was asked."""
        if given.signal.endswith(REJECTED):
            self._on_rejection(given)
            return
        token = self._token_of(given)
        if token is not None:
            kept = {name: value for name, value in given.data.items() if name in _KEPT_OF_SIGNAL}
            self._receive(token, Follow(data=kept))

    def on_timer(self, given: TimerInput) -> None:
        """The timer is due, if it is the one that the saga has."""
        saga = self.saga
        if saga.timer is None or (given.step, given.round, given.attempt, given.sequence) != (
            *(saga.step, saga.round, saga.attempt),
            saga.timer.sequence,
        ):
            return
        if saga.phase == "retrying":
            self._start_again()
        elif TIMER in saga.awaiting:
            self._receive(TIMER, Follow())
        else:
            step = self._step_under_way()
            self.fail("timeout", None, retryable=saga.direction == "undo" or step is None or not step.by_people)

    def on_person_event(self, given: PersonEventInput) -> None:
        """Something happened to the person, which may be what the step awaits."""
        if isinstance(given.event.data, PersonErased):
            self._is_erased = True
        step = self._step_under_way()
        if step is None or self.saga.direction == "undo" or not isinstance(step.awaits, PersonEvent):
            return
        if SPEC_OF[type(given.event.data)].type == step.awaits.type and all(
            getattr(given.event.data, name, None) == value
            for name, value in fill(step.awaits.fields, self.saga).items()
        ):
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
        saga = self.saga
        assert saga.step is not None
        step = self.definition.step(saga.step)
        retry = self._retry(step)
        will_retry = renew or (retryable and saga.attempt <= retry.retries)
        is_forward = saga.direction == "forward"
        self.record(
            StepFailed(
                step=saga.step,
                attempt=max(saga.attempt, 1),
                round=saga.round,
                cause=cause,
                code=code,
                will_retry=will_retry,
                direction=saga.direction,
                retry_at=self._cause.clock + retry.delay(saga.attempt) if will_retry and not saga.paused else None,
                renew=renew,
                goes_on=not will_retry and is_forward and self.definition.goes_on,
                undoable=not will_retry and is_forward and self._may_have_taken_effect(step, cause),
                by=None if reason is None else self.actor,
                reason=reason,
            )
        )
        if not will_retry:
            self._park_if_nothing_helps(step, cause, code)

    def due_step(self) -> str | None:
        """The first step that is neither done nor given up."""
        return next(
            (one for one in self.saga.steps if not self.saga.is_done(one) and one not in self.saga.unreached), None
        )

    def _next(self) -> None:
        saga = self.saga
        if saga.phase == "held":
            self._start_again()
        elif saga.status == "Compensating":
            self._undo_next()
        elif saga.failure is not None:
            give_up = self.definition.give_up
            if give_up is not None and not saga.gave_up:
                self._start(give_up.name, "give_up")
            else:
                self._compensate(saga.failure.step, saga.failure.undoable)
        else:
            due = self.due_step()
            if due is not None:
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
        verdict = settle(self.saga, self._given, self.person) if settle is not None else None
        if verdict is None or self.saga.status != "Running":
            return False
        if verdict.end == "undo":
            self._settle_by_undoing(verdict)
            return True
        self._close_step_under_way(verdict)
        self.record(SagaCompleted() if verdict.end == "completed" else SagaCompensated())
        return True

    def _settle_by_undoing(self, verdict: Verdict) -> None:
        failed_step = self.saga.failure.step if self.saga.failure is not None else self.saga.step or self.due_step()
        self._close_step_under_way(verdict)
        self._compensate(str(failed_step), False, verdict.also_done)

    def _close_step_under_way(self, verdict: Verdict) -> None:
        saga = self.saga
        if saga.phase == "idle" or saga.step is None:
            return
        if saga.direction == "give_up":
            self.record(StepCompleted(step=saga.step))
        elif verdict.end == "completed":
            self._complete(())
        else:
            self.record(
                StepFailed(
                    step=saga.step,
                    attempt=saga.attempt,
                    round=saga.round,
                    cause=verdict.cause,
                    code=verdict.code,
                    will_retry=False,
                )
            )

    # One step.

    def _start(self, name: str, direction: Direction) -> None:
        step = self.definition.step(name)
        if direction == "forward" and self._is_done_already(step, is_sent=False):
            return
        self._try(step, direction, 1, self._planned(step, direction), None)

    def _start_again(self) -> None:
        """The next try of the step under way: with the commands that nobody has answered, or with new ones."""
        saga = self.saga
        assert saga.step is not None
        step = self.definition.step(saga.step)
        if saga.direction == "forward" and self._is_done_already(step, is_sent=True):
            return
        if saga.awaiting:
            self._try(step, saga.direction, saga.attempt, self._open_sends(), saga.awaiting)
        else:
            self._try(step, saga.direction, saga.attempt, self._planned(step, saga.direction), None)

    def _try(
        self,
        step: Step,
        direction: Direction,
        attempt: int,
        sends: Sequence[Sent],
        awaits: tuple[str, ...] | None,
    ) -> None:
        self.record(
            StepStarted(
                step=step.name,
                attempt=attempt,
                round=self.saga.round,
                deadline=self._deadline(step, direction),
                direction=direction,
                sends=tuple(sends),
                awaits=tuple(self._awaited(step, direction, sends)) if awaits is None else awaits,
                origin=None if awaits is None else self.saga.origin,
            )
        )

    def _is_done_already(self, step: Step, *, is_sent: bool) -> bool:
        """Complete a step whose aim is reached; what the saga has asked for itself counts as its own."""
        reached = step.already is not None and step.already(self.saga, self.person)
        if isinstance(step.awaits, Until) and self._instant(step.awaits) <= self._cause.time:
            reached = True
        if reached:
            undoable = is_sent and isinstance(step.undo, Undo)
            self.record(StepCompleted(step=step.name, undoable=undoable, past_pivot=step.pivot))
        return reached

    def _receive(self, token: str | None, follow: Follow) -> None:
        """An answer came. The step is complete when it was the last."""
        saga = self.saga
        if token is None or token not in saga.awaiting:
            return
        assert saga.step is not None
        step = self.definition.step(saga.step)
        receipt = Receipt(answer=token, at=self._cause.time, data=dict(follow.data))
        sends = tuple(self._answered(step, saga.direction, self._numbered(follow.sends, saga.next_send)))
        awaits = tuple(one.answer for one in sends if one.answer is not None)
        if len(saga.awaiting) > 1 or awaits:
            self.record(
                StepAdvanced(
                    step=saga.step,
                    round=saga.round,
                    direction=saga.direction,
                    received=(receipt,),
                    sends=sends,
                    awaits=awaits,
                    origin=saga.origin if sends else None,
                    past_pivot=follow.past_pivot,
                )
            )
            return
        if saga.direction == "undo":
            assert isinstance(step.undo, Undo)
            self.record(StepCompensated(step=saga.step, round=saga.round, sends=self._afterwards(step.undo)))
            return
        self._complete((receipt,))
        if follow.ends:
            self.record(SagaCompleted(abandoned=True))

    def _complete(self, received: tuple[Receipt, ...]) -> None:
        saga = self.saga
        assert saga.step is not None
        step = self.definition.step(saga.step)
        result = step.result(saga, self.person, (*saga.received, *received)) if step.result is not None else {}
        self.record(
            StepCompleted(
                step=saga.step,
                result=dict(result),
                received=received,
                undoable=saga.direction == "forward" and isinstance(step.undo, Undo),
                past_pivot=step.pivot,
            )
        )

    def _park_if_nothing_helps(self, step: Step, cause: FailureCause, code: str | None) -> None:
        direction = self.saga.direction
        can_go_on = direction == "forward" and (
            self.definition.goes_on or (self.definition.undoes and not self.saga.past_pivot)
        )
        if not can_go_on:
            what = f"undo of {step.name}" if direction == "undo" else step.name
            self.record(SagaFailed(error=f"{what}: {cause}{f' {code}' if code else ''}", step=step.name))

    def _on_rejection(self, given: SignalInput) -> None:
        domain = given.signal.removesuffix(REJECTED)
        asked = [one for one in self._open_sends() if self._send(one).domain == domain and self._send(one).is_foreign]
        command_id = given.data.get("command_id")
        if command_id is not None and not any(self._is_command(one, str(command_id)) for one in asked):
            return
        if asked:
            code = given.data.get("code")
            self.fail("refused", code if isinstance(code, str) else "rejected", retryable=False)

    def _may_have_taken_effect(self, step: Step, cause: FailureCause) -> bool:
        saga = self.saga
        if not isinstance(step.undo, Undo) or not step.undo.even_if_failed or not saga.sends:
            return False
        return cause != "refused" or saga.attempt > 1

    # What a step sends and awaits.

    def _planned(self, step: Step, direction: Direction) -> list[Sent]:
        """The messages of a step, under numbers that the round has not used."""
        saga = self.saga
        if direction == "undo":
            assert isinstance(step.undo, Undo)
            plan: Sequence[Sent] = [_sent(one) for one in step.undo.sends]
        elif step.plan is not None:
            plan = step.plan(saga)
        else:
            plan = [_sent(one) for one in step.sends]
        is_same = saga.step == step.name and saga.direction == direction
        first = saga.next_send if is_same else 0
        return list(self._answered(step, direction, self._numbered(plan, first)))

    @staticmethod
    def _numbered(sends: Sequence[Sent], first: int) -> list[Sent]:
        return [one.model_copy(update={"i": first + number}) for number, one in enumerate(sends)]

    def _answered(self, step: Step, direction: Direction, sends: Sequence[Sent]) -> Iterator[Sent]:
        """The messages with the tokens that answer them."""
        awaits = self._awaits(step, direction)
        known = {one.name: one for one in sends_of(self.definition, step.name, direction)}
        for one in sends:
            send = known[one.send]
            if isinstance(awaits, Outcomes) and not send.is_foreign:
                yield one.model_copy(update={"answer": f"outcome:{one.i}"})
            elif isinstance(awaits, Signals) and send.is_foreign:
                person = f"/{look_up(send.subject, self.saga, one)}" if send.subject != OWN_PERSON else ""
                yield one.model_copy(update={"answer": f"{send.domain}.{awaits.word}{person}"})
            else:
                yield one

    def _awaited(self, step: Step, direction: Direction, sends: Sequence[Sent]) -> Iterator[str]:
        awaits = self._awaits(step, direction)
        if isinstance(awaits, PersonEvent):
            yield EVENT
        elif isinstance(awaits, Until):
            yield TIMER
        else:
            yield from (one.answer for one in sends if one.answer is not None)

    def _afterwards(self, undo: Undo) -> tuple[Sent, ...]:
        found: list[Sent] = []
        for send in undo.then:
            abouts = self._abouts(send)
            found.extend(Sent(i=0, send=send.name, about=about) for about in abouts or (None,))
        return tuple(self._numbered(found, self.saga.next_send))

    def _abouts(self, send: Send) -> list[str]:
        """The ids that the undone step had brought, one message for each."""
        assert self.saga.step is not None
        ids = self.saga.result_of(self.saga.step).get("ids")
        return [str(one) for one in ids] if isinstance(ids, list) and "=about" in send.data.values() else []

    def _awaits(self, step: Step, direction: Direction) -> Outcomes | PersonEvent | Signals | Until:
        if direction == "undo":
            assert isinstance(step.undo, Undo)
            return step.undo.awaits
        return step.awaits

    def _deadline(self, step: Step, direction: Direction) -> datetime | None:
        if direction == "forward" and isinstance(step.awaits, Until):
            return self._instant(step.awaits)
        is_undo = direction == "undo" and isinstance(step.undo, Undo)
        own: timedelta | None = step.undo.timeout if is_undo and isinstance(step.undo, Undo) else step.timeout
        limit = self._timeouts.get(f"{self.definition.name}/{step.name}{'/undo' if is_undo else ''}", own)
        return None if limit is None else self._cause.clock + limit

    def _instant(self, awaits: Until) -> datetime:
        return parse_instant(str(self.saga.data[awaits.member]))

    # What is under way.

    def _step_under_way(self) -> Step | None:
        saga = self.saga
        return None if saga.phase == "idle" or saga.step is None else self.definition.step(saga.step)

    def _open_sends(self) -> list[Sent]:
        return [one for one in self.saga.sends if one.answer is None or one.answer in self.saga.awaiting]

    def _is_command(self, sent: Sent, command_id: str) -> bool:
        saga = self.saga
        assert saga.step is not None
        return command_id_of(saga.saga_id, saga.step, saga.direction, saga.round, sent.i) == command_id

    def _send(self, sent: Sent) -> Send:
        assert self.saga.step is not None
        known = sends_of(self.definition, self.saga.step, self.saga.direction)
        return next(one for one in known if one.name == sent.send)

    def _is_for_own_person(self, sent: Sent) -> bool:
        return look_up(self._send(sent).subject, self.saga, sent) == self.saga.person_id

    def _ok_codes(self, step: Step) -> frozenset[str]:
        is_undo = self.saga.direction == "undo" and isinstance(step.undo, Undo)
        return step.undo.ok_codes if is_undo and isinstance(step.undo, Undo) else step.ok_codes

    def _retry(self, step: Step) -> Retry:
        is_undo = self.saga.direction == "undo"
        return step.undo.retry if is_undo and isinstance(step.undo, Undo) else step.retry

    def _token_of(self, given: SignalInput) -> str | None:
        """The token of a signal: that of the person that it names, where the saga has asked for several."""
        for_person = f"{given.signal}/{given.data.get('person_id')}"
        if for_person in self.saga.awaiting:
            return for_person
        return given.signal if given.signal in self.saga.awaiting else None


class _Cause:
    """What the events of a reaction have in common: the message that led to them, its time, and the clock for deadlines."""

    def __init__(self, saga: Saga, given: SagaInput) -> None:
        if isinstance(given, TimerInput):
            timer = saga.timer
            self.id = derive(saga.saga_id, str(given.sequence))
            self.correlationid = timer.correlationid if timer is not None else saga.correlationid
            self.actor = f"saga:{saga.saga}"
            # A schedule may be a moment early; a deadline has then been reached all the same.
            self.time = given.now if timer is None else max(given.now, timer.at)
        else:
            self.id, self.correlationid, self.actor, self.time = given.id, given.correlationid, given.actor, given.now
        self.clock = self.time if given.reacted_at is None else max(given.reacted_at, self.time)


def _sent(send: Send) -> Sent:
    return Sent(i=0, send=send.name)


OWN_PERSON: Final = "=person_id"
_KEPT_OF_SIGNAL: Final = ("person_id", "position")
