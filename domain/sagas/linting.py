"""Finds what is wrong with the definition of a saga before one runs: steps that nobody reaches, that wait for ever or that cannot be undone,
and names that no catalogue holds."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Final

from domain.command_data.saga import SagaInput
from domain.commands import COMMANDS
from domain.event_catalogue import EVENTS, SPEC_OF
from domain.refusals import REFUSAL_CODES
from domain.sagas.definition import (
    NothingToUndo,
    Outcomes,
    PersonEvent,
    Retry,
    SagaDefinition,
    Send,
    Signals,
    Step,
    Template,
    Undo,
    Until,
)
from domain.translate.outbound import OUTBOUND, OutboundData
from domain.translate.signals import SIGNALS

_SAGA_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII)
_STEP_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}", re.ASCII)
_ROOTS: Final = frozenset({"saga_id", "person_id", "data", "to", "via", "about"})


class UnsoundDefinitionError(Exception):
    """Definitions with faults; the text names saga, step and rule of each."""


def require_sound(definitions: Iterable[SagaDefinition]) -> None:
    """Raises UnsoundDefinitionError if any definition has a fault."""
    found = [fault for definition in definitions for fault in faults(definition)]
    if found:
        raise UnsoundDefinitionError("; ".join(found))


def faults(definition: SagaDefinition) -> tuple[str, ...]:
    """The faults of a definition, each as ``<saga>: <rule>`` or ``<saga>.<step>: <rule>``."""
    found = [f"{definition.name}: {rule}" for rule in _of_saga(definition)]
    for number, step in enumerate(definition.steps):
        where = f"{definition.name}.{step.name}"
        found.extend(f"{where}: {rule}" for rule in _of_step(step))
        found.extend(f"{where}: {rule}" for rule in _of_place(definition, number, step))
    if definition.give_up is not None:
        found.extend(f"{definition.name}.{definition.give_up.name}: {rule}" for rule in _of_step(definition.give_up))
    return tuple(found)


def _of_saga(definition: SagaDefinition) -> Iterator[str]:
    if not _SAGA_NAME.fullmatch(definition.name):
        yield f"{definition.name!r} is no name of a saga"
    if not definition.steps:
        yield "has no steps"
    if sum(step.pivot for step in definition.steps) + definition.forward_only > 1:
        yield "has more than one pivot"
    is_started_by_event = definition.starts_on is not None
    if is_started_by_event and definition.starts_on not in SPEC_OF:
        yield "starts on an event that is in no catalogue"
    if (definition.key is None) == is_started_by_event or (definition.start_data is None) == is_started_by_event:
        yield "an event that starts it needs key and start_data, StartSaga has its own"
    if definition.give_up is not None and not definition.undoes:
        yield "gives up although nothing is undone"
    if (definition.settle is None) != (not definition.settled_by):
        yield "settle and settled_by belong together"
    yield from (
        f"{model.__name__} is in no catalogue of events" for model in definition.settled_by if model not in SPEC_OF
    )


def _of_place(definition: SagaDefinition, number: int, step: Step) -> Iterator[str]:
    """What the place of a step in its saga forbids."""
    before = definition.steps[:number]
    names = {one.name for one in before}
    if step.name in names or (definition.give_up is not None and step.name == definition.give_up.name):
        yield "unreachable: another step has this name"
    if any(_can_never_end(one) for one in before):
        yield "unreachable: a step before it can never be completed"
    if step.only_with is not None and (
        definition.starts_on is not None or step.only_with not in SagaInput.model_fields
    ):
        yield f"unreachable: no start brings {step.only_with!r}"
    is_behind_pivot = definition.forward_only or any(one.pivot for one in before) or step.pivot
    if isinstance(step.undo, Undo) and (is_behind_pivot or not definition.undoes):
        yield "its undo is unreachable: nothing is undone from here on"
    if step.undo is None and step.sends and definition.undoes and not is_behind_pivot:
        yield "has no undo although its messages may take effect; say NothingToUndo and why, if so"


def _can_never_end(step: Step) -> bool:
    if isinstance(step.awaits, Outcomes):
        return all(send.is_foreign for send in step.sends)
    return isinstance(step.awaits, Signals) and not any(send.is_foreign for send in step.sends)


def _of_step(step: Step) -> Iterator[str]:
    if not _STEP_NAME.fullmatch(step.name):
        yield f"{step.name!r} is no name of a step"
    if _can_never_end(step):
        yield "can never be completed: it sends nothing that is answered"
    if (step.timeout is None) != isinstance(step.awaits, Until):
        yield "has no timeout" if step.timeout is None else "awaits a time and has a timeout"
    yield from _of_limits(step.timeout, step.retry)
    yield from _of_sends(step.sends)
    yield from _of_codes(step.ok_codes | step.wait_codes)
    if isinstance(step.awaits, PersonEvent):
        yield from _of_event(step.awaits)
    if isinstance(step.awaits, Signals):
        yield from _of_signals(step.awaits, step.sends)
    if isinstance(step.undo, NothingToUndo) and not step.undo.reason.strip():
        yield "does not say why there is nothing to undo"
    if isinstance(step.undo, Undo):
        yield from (f"undo: {rule}" for rule in _of_undo(step.undo))


def _of_undo(undo: Undo) -> Iterator[str]:
    awaited = Step(name="undo", sends=undo.sends, awaits=undo.awaits, timeout=undo.timeout)
    if _can_never_end(awaited):
        yield "can never be completed: it sends nothing that is answered"
    yield from _of_limits(undo.timeout, undo.retry)
    yield from _of_sends((*undo.sends, *undo.then))
    yield from _of_codes(undo.ok_codes)
    if isinstance(undo.awaits, Signals):
        yield from _of_signals(undo.awaits, undo.sends)
    if not all(send.is_foreign for send in undo.then):
        yield "what follows an undo goes to other domains only"


def _of_limits(timeout: timedelta | None, retry: Retry) -> Iterator[str]:
    if timeout is not None and timeout <= timedelta():
        yield "its timeout is not positive"
    if retry.retries < 0 or retry.first <= timedelta() or retry.factor < 1 or retry.longest < retry.first:
        yield "its retries do not grow"


def _of_codes(codes: Iterable[str]) -> Iterator[str]:
    yield from (f"{code!r} is no refusal code" for code in sorted(codes) if code not in REFUSAL_CODES)


def _of_event(awaited: PersonEvent) -> Iterator[str]:
    spec = EVENTS.get(awaited.type)
    if spec is None:
        yield f"awaits {awaited.type!r}, which is no event"
        return
    yield from (f"{awaited.type} has no {name!r}" for name in awaited.fields if name not in spec.model.model_fields)
    yield from _of_paths(awaited.fields)


def _of_signals(awaited: Signals, sends: Iterable[Send]) -> Iterator[str]:
    for send in sends:
        if send.is_foreign and f"{send.domain}.{awaited.word}" not in SIGNALS:
            yield f"awaits {send.domain}.{awaited.word}, which is no signal"


def _of_sends(sends: tuple[Send, ...]) -> Iterator[str]:
    for number, send in enumerate(sends):
        if send.name in {one.name for one in sends[:number]}:
            yield f"two messages are called {send.name!r}"
        yield from _of_send(send)


def _of_send(send: Send) -> Iterator[str]:
    if send.is_foreign:
        outbound = OUTBOUND.get(send.type)
        if outbound is None:
            yield f"{send.type!r} is no command to a neighbour"
            return
        yield from _of_members(send, outbound.model.model_fields, frozenset(OutboundData.model_fields))
    else:
        spec = COMMANDS.get(send.type)
        if spec is None:
            yield f"{send.type!r} is no command"
            return
        if spec.kinds and "saga" not in spec.kinds:
            yield f"{send.type} is not for sagas"
        yield from _of_members(send, spec.model.model_fields, frozenset())
    yield from _of_paths({**send.data, "subject": send.subject})


def _of_members(send: Send, fields: Mapping[str, object], filled_in: frozenset[str]) -> Iterator[str]:
    yield from (f"{send.type} has no {name!r}" for name in send.data if name not in fields)
    for name, field in fields.items():
        if getattr(field, "is_required", lambda: False)() and name not in send.data and name not in filled_in:
            yield f"{send.type} needs {name!r}"


def _of_paths(template: Template) -> Iterator[str]:
    for name, value in template.items():
        if isinstance(value, str) and value.startswith("=") and value[1:].partition(".")[0] not in _ROOTS:
            yield f"{name}: {value!r} leads nowhere"
