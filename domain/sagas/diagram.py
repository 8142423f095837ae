"""Draws a saga from its definition: a state diagram in Mermaid, and its steps as rows of a table. What is drawn is what runs."""

from collections.abc import Iterator
from datetime import timedelta

from domain.event_catalogue import SPEC_OF
from domain.sagas.definition import (
    NothingToUndo,
    Outcomes,
    PersonEvent,
    SagaDefinition,
    Send,
    Signals,
    Step,
    Undo,
    Until,
)


def diagram(definition: SagaDefinition) -> str:
    """The state diagram of a saga, as Mermaid text."""
    return "\n".join(("stateDiagram-v2", *(f"    {line}" for line in _lines(definition))))


def step_rows(definition: SagaDefinition) -> list[tuple[str, ...]]:
    """Rows of name, what is sent, what is awaited, time limit, retries, and how it is undone; the header is `STEP_COLUMNS`."""
    return [_row(definition, step) for step in _all_steps(definition)]


STEP_COLUMNS = ("Step", "Sends", "Awaits", "Time limit", "Retries", "Undo")


def _lines(definition: SagaDefinition) -> Iterator[str]:
    steps = definition.steps
    yield f"[*] --> {steps[0].name}: {_start(definition)}"
    for step, behind in zip(steps, (*(step.name for step in steps[1:]), "Completed"), strict=True):
        yield f"{step.name} --> {behind}: {_awaited(step.awaits, step.sends)}"
    yield from _failures(definition)
    yield from _settlements(definition)
    if definition.undoes:
        yield from _compensation(definition)
    yield "Completed --> [*]"


def _failures(definition: SagaDefinition) -> Iterator[str]:
    undoable = [step.name for step in definition.steps if isinstance(step.undo, Undo)]
    for number, step in enumerate(definition.steps):
        if isinstance(step.awaits, Until):
            continue
        if definition.goes_on:
            yield f"{step.name} --> {step.name}_unreached: {_failure(step)}"
            is_last = number == len(definition.steps) - 1
            yield f"{step.name}_unreached --> {'Failed' if is_last else definition.steps[number + 1].name}"
        elif not definition.undoes:
            yield f"{step.name} --> Failed: {_failure(step)}"
        elif definition.give_up is not None:
            yield f"{step.name} --> {definition.give_up.name}: {_failure(step)}"
        else:
            yield f"{step.name} --> {_undo_entry(step, undoable[:number])}: {_failure(step)}"
    if not definition.undoes:
        yield f"Failed --> {definition.steps[0].name}: RetrySaga, at what failed"


def _settlements(definition: SagaDefinition) -> Iterator[str]:
    """The events of the person that end the saga from any step up to the pivot."""
    pivot = next((number for number, step in enumerate(definition.steps) if step.pivot), len(definition.steps))
    ending = [SPEC_OF[model].type for model, end in definition.settled_by.items() if end == "compensated"]
    for event in ending:
        yield from (f"{step.name} --> Compensated: {event}" for step in definition.steps[: pivot + 1])
    if ending and not definition.undoes:
        yield "Compensated --> [*]"


def _compensation(definition: SagaDefinition) -> Iterator[str]:
    undone = [f"undo_{step.name}" for step in reversed(definition.steps) if isinstance(step.undo, Undo)]
    if definition.give_up is not None:
        yield f"{definition.give_up.name} --> {undone[0]}: {_awaited(definition.give_up.awaits, definition.give_up.sends)}"
        yield f"{definition.give_up.name} --> Failed: {_failure(definition.give_up)}"
    for name, behind in zip(undone, (*undone[1:], "Compensated"), strict=True):
        yield f"{name} --> {behind}"
        yield f"{name} --> Failed: it fails"
    yield f"Failed --> {undone[0]}: RetrySaga, at the undo that failed"
    yield "Compensated --> [*]"


def _undo_entry(step: Step, before: list[str]) -> str:
    if isinstance(step.undo, Undo) and step.undo.even_if_failed:
        return f"undo_{step.name}"
    return f"undo_{before[-1]}" if before else "Compensated"


def _start(definition: SagaDefinition) -> str:
    return "StartSaga" if definition.starts_on is None else SPEC_OF[definition.starts_on].type


def _awaited(awaits: object, sends: tuple[Send, ...]) -> str:
    if isinstance(awaits, PersonEvent):
        return awaits.type
    if isinstance(awaits, Signals):
        domains = sorted({send.domain for send in sends if send.is_foreign})
        return f"{domains[0] if len(domains) == 1 else 'every domain'}.{awaits.word}"
    if isinstance(awaits, Until):
        return f"at {awaits.member}"
    assert isinstance(awaits, Outcomes)
    return "accepted"


def _failure(step: Step) -> str:
    return f"refused, or nothing within {_time(step.timeout)}{_tries(step)}"


def _tries(step: Step) -> str:
    return "" if step.by_people else f", {step.retry.retries + 1} times"


def _time(time: timedelta | None) -> str:
    if time is None:
        return ""
    for unit, words in ((timedelta(days=2), "days"), (timedelta(hours=1), "h"), (timedelta(seconds=1), "s")):
        if time >= unit:
            single = timedelta(days=1) if words == "days" else unit
            return f"{time // single} {words}"
    return f"{time.total_seconds()} s"


def _all_steps(definition: SagaDefinition) -> tuple[Step, ...]:
    return (*definition.steps, *((definition.give_up,) if definition.give_up is not None else ()))


def _row(definition: SagaDefinition, step: Step) -> tuple[str, ...]:
    sends = ", ".join(f"`{kind}`" for kind in dict.fromkeys(send.type for send in step.sends)) or "-"
    pivot = " (pivot)" if step.pivot else ""
    retries = (
        "none: people do it" if step.by_people else "-" if isinstance(step.awaits, Until) else str(step.retry.retries)
    )
    codes = _codes(step)
    awaits = (
        f"`{_awaited(step.awaits, step.sends)}`{codes}" if not isinstance(step.awaits, Outcomes) else f"outcomes{codes}"
    )
    return (f"{step.name}{pivot}", sends, awaits, _time(step.timeout) or "-", retries, _undone(definition, step))


def _codes(step: Step) -> str:
    fine = ", ".join(f"`{code}`" for code in sorted(step.ok_codes))
    awaited = ", ".join(f"`{code}`" for code in sorted(step.wait_codes))
    return f"{f'; {fine} counts as done' if fine else ''}{f'; after {awaited} it goes on waiting' if awaited else ''}"


def _undone(definition: SagaDefinition, step: Step) -> str:
    if isinstance(step.undo, Undo):
        sends = ", ".join(f"`{send.type}`" for send in step.undo.sends)
        awaits = (
            "outcome" if isinstance(step.undo.awaits, Outcomes) else f"`{_awaited(step.undo.awaits, step.undo.sends)}`"
        )
        then = "".join(f", then `{send.type}`" for send in step.undo.then)
        return f"{sends}, awaits {awaits} for {_time(step.undo.timeout)}{then}"
    if isinstance(step.undo, NothingToUndo):
        return f"none: {step.undo.reason}"
    return "none" if definition.undoes else "none: it only goes on"
