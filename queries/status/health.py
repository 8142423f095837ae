"""Whether a worker serves, and if not, why: the checks behind `/readyz`.

Guarantee: an answer is read from memory. Lag is told and never decides: a worker that is behind serves, and taking it away makes it worse."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

State = Literal["starting", "serving", "waiting", "draining"]
"""`waiting`: it has served and cannot now, a rebalance or a lost connection for instance."""

Why = Callable[[], str | None]
"""Why something does not hold, None while it holds."""


class Lag(NamedTuple):
    """What waits for a worker: records, and the age of the oldest of them in seconds, None when nothing waits or none is known."""

    records: int = 0
    seconds: float | None = None

    def and_(self, other: Lag) -> Lag:
        """Both together."""
        ages = [age for age in (self.seconds, other.seconds) if age is not None]
        return Lag(self.records + other.records, max(ages) if ages else None)


class Health:
    """The checks of one worker by name. The one called `serving` fails while the worker stops."""

    def __init__(self, checks: Mapping[str, Why], lag: Callable[[], Lag]) -> None:
        self._checks = checks
        self._lag = lag
        self._has_served = False

    def reasons(self) -> dict[str, str]:
        """Why the checks that fail now do so, by name; empty for a worker that is ready."""
        found = {name: why() for name, why in self._checks.items()}
        failed = {name: reason for name, reason in found.items() if reason is not None}
        self._has_served = self._has_served or not failed
        return failed

    def state(self, reasons: Mapping[str, str]) -> State:
        """In a word, from what `reasons` gave."""
        if "serving" in reasons:
            return "draining"
        if not reasons:
            return "serving"
        return "waiting" if self._has_served else "starting"

    def report(self) -> dict[str, Any]:
        """The document of `/readyz`: `ready`, `state`, `checks` by name, `reasons` of those that fail, and `lag` as information."""
        reasons = self.reasons()
        lag = self._lag()
        return {
            "ready": not reasons,
            "state": self.state(reasons),
            "checks": {name: name not in reasons for name in self._checks},
            "reasons": [{"check": name, "reason": reason} for name, reason in reasons.items()],
            "lag": {"records": lag.records, "seconds": None if lag.seconds is None else round(lag.seconds, 3)},
        }


def recovering(status: Mapping[str, Any]) -> str:
    """How far recovery is, in a sentence, from the `recovery` part of its status."""
    if not status["rows_to_go"]:
        return "recovery of the tables has not ended yet"
    left = status["seconds_left"]
    estimate = "" if left is None else f", about {left:.0f} s left"
    return f"tables recover from their changelogs: {status['rows_to_go']} rows to go{estimate}"


def missing(kind: str, names: Sequence[str]) -> str | None:
    """Why a register is not complete, None when nothing is missing."""
    return f"{kind} missing: {', '.join(sorted(names))}" if names else None
