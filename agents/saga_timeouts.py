"""Other time limits of saga steps than those of the definitions, as an operator writes them into one setting.

Only steps that begin later are concerned: a deadline that was set stands in a saga event."""

from __future__ import annotations

import math
from datetime import timedelta

from bridge.errors import BridgeError
from domain.sagas.catalogue import SAGAS
from domain.sagas.definition import SagaDefinition, Timeouts, Undo

SETTING = "PERSON_SAGA_TIMEOUTS"


def read_timeouts(text: str) -> Timeouts:
    """The limits in `onboarding/IdentityStep=3600, cross_domain_sync/identity/undo=30`; seconds. Raises BridgeError with entry and rule."""
    known = {name for definition in SAGAS.values() for name in _names(definition)}
    limits: dict[str, timedelta] = {}
    for entry in filter(None, map(str.strip, text.split(","))):
        name, _, seconds = map(str.strip, entry.partition("="))
        if name not in known:
            raise BridgeError(
                f"{SETTING}: {name!r} is no step with a time limit; there are: {', '.join(sorted(known))}"
            )
        limits[name] = timedelta(seconds=_seconds(name, seconds))
    return limits


def _names(definition: SagaDefinition) -> list[str]:
    steps = [*definition.steps, *([definition.give_up] if definition.give_up is not None else [])]
    limited = [f"{definition.name}/{step.name}" for step in steps if step.timeout is not None]
    undone = [f"{definition.name}/{step.name}/undo" for step in steps if isinstance(step.undo, Undo)]
    return limited + undone


def _seconds(name: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= timedelta.max.total_seconds() / 1e6:
        raise BridgeError(f"{SETTING}: {name} must be a number of seconds above 0")
    return seconds
