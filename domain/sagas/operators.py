"""What an operator may do to a saga. Each either happens and is recorded with who and why, or is refused with the status that forbids it."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from domain.refusals import Refused
from domain.sagas.definition import Undo
from domain.sagas.event_data import Direction, SagaFailed, SagaRetried, StepFailed, StepSkipped
from domain.sagas.inputs import AbortInput, CancelInput, RetryInput, SagaInput, SkipInput
from domain.sagas.run import Run
from domain.sagas.state import Saga


def cancel(run: Run, given: CancelInput) -> None:
    """Undo what a running saga has done. Nothing leads back behind the pivot, and an erasure is cancelled on the person."""
    saga = run.saga
    if saga.status != "Running" or saga.past_pivot or saga.failure is not None or not run.definition.cancellable:
        raise _forbidden(saga)
    if saga.phase != "idle":
        run.fail("cancelled", None, retryable=False, reason=given.reason)
        return
    run.record(
        StepFailed(
            step=str(run.due_step()),
            attempt=1,
            round=run.saga.round,
            cause="cancelled",
            will_retry=False,
            by=run.actor,
            reason=given.reason,
        )
    )


def retry(run: Run, given: RetryInput) -> None:
    """Go on with a failed saga where it failed, with new commands."""
    if not run.saga.is_parked or not run.saga.steps:
        raise _forbidden(run.saga)
    run.record(SagaRetried(round=run.saga.round + 1, by=run.actor, reason=given.reason))


def skip(run: Run, given: SkipInput) -> None:
    """Take the step at which the saga stands, or its undo, as done."""
    saga = run.saga
    direction = _direction_at(saga, given.step)
    if direction is None:
        raise _forbidden(saga)
    step = run.definition.step(given.step)
    run.record(
        StepSkipped(
            step=given.step,
            by=run.actor,
            reason=given.reason,
            direction=direction,
            undoable=direction == "forward" and isinstance(step.undo, Undo),
            past_pivot=direction == "forward" and step.pivot,
        )
    )


def abort(run: Run, given: AbortInput) -> None:
    """End the saga as it is."""
    if run.saga.is_ended and not run.saga.is_parked:
        raise _forbidden(run.saga)
    run.record(SagaFailed(error="aborted", step=run.saga.step, abandoned=True, by=run.actor, reason=given.reason))


OPERATORS: Final[Mapping[type[SagaInput], Callable[[Run, Any], None]]] = {
    CancelInput: cancel,
    RetryInput: retry,
    SkipInput: skip,
    AbortInput: abort,
}


def _direction_at(saga: Saga, step: str) -> Direction | None:
    """In which direction the saga stands at a step, None if it does not."""
    if saga.is_parked and saga.unreached:
        return "forward" if step in saga.unreached else None
    stands = saga.step == step and (saga.is_parked or (not saga.is_ended and saga.phase != "idle"))
    return saga.direction if stands else None


def _forbidden(saga: Saga) -> Refused:
    return Refused("saga_transition", status=saga.status, step=saga.step)
