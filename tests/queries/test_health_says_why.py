"""Readiness names what is missing, and lag never decides it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from queries.status.health import Health, Lag
from queries.status.readiness import Readiness

RECOVERY: dict[str, Any] = {"recovery": {"rows_to_go": 1200, "seconds_left": 3.2}}


def _readiness(**other: Any) -> Readiness:
    parts: dict[str, Any] = {
        "nc": SimpleNamespace(is_connected=True, is_reconnecting=False),
        "tables": SimpleNamespace(
            owned=lambda: frozenset({0, 1}), processes=SimpleNamespace(rules=SimpleNamespace(is_read=True))
        ),
        "queries": SimpleNamespace(is_offered=True, partitions=frozenset({0, 1})),
        "recovery": lambda: RECOVERY,
        "recovered": lambda: True,
        "rebalancing": lambda: False,
        "stopping": lambda: False,
        "agents": frozenset({"fold_persons"}),
        "registered": lambda: frozenset({"fold_persons"}),
    }
    return Readiness(**{**parts, **other})


def _health(readiness: Readiness, lag: Lag = Lag()) -> Health:  # noqa: B008  # a constant
    return Health(readiness.checks(), lambda: lag)


def test_a_worker_that_lacks_nothing_is_ready_however_far_it_is_behind() -> None:
    report = _health(_readiness(), Lag(1_000_000, 3600.0)).report()

    assert report["ready"]
    assert report["state"] == "serving"
    assert report["reasons"] == []
    assert set(report["checks"].values()) == {True}
    assert report["lag"] == {"records": 1_000_000, "seconds": 3600.0}


@pytest.mark.parametrize(
    ("check", "other", "says"),
    [
        ("nats", {"nc": SimpleNamespace(is_connected=False, is_reconnecting=True)}, "connection to NATS is down"),
        ("nats", {"nc": SimpleNamespace(is_connected=False, is_reconnecting=False)}, "not connected"),
        ("registry", {"registered": frozenset}, "agents missing: fold_persons"),
        ("registry", {"queries": SimpleNamespace(is_offered=False, partitions=frozenset())}, "not offered yet"),
        ("registry", {"queries": SimpleNamespace(is_offered=True, partitions=frozenset({0}))}, "partitions [1]"),
        (
            "rules",
            {
                "tables": SimpleNamespace(
                    owned=lambda: frozenset({0}), processes=SimpleNamespace(rules=SimpleNamespace(is_read=False))
                )
            },
            "policies in force are not read",
        ),
        ("recovered", {"recovered": lambda: False}, "1200 rows to go, about 3 s left"),
        ("recovered", {"rebalancing": lambda: True}, "a rebalance runs"),
        ("assigned", {"tables": SimpleNamespace(owned=frozenset, processes=None)}, "owns no partition"),
        ("serving", {"stopping": lambda: True}, "the worker stops"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_check_that_fails_is_named_with_its_reason(check: str, other: dict[str, Any], says: str) -> None:
    report = _health(_readiness(**other)).report()

    assert not report["ready"]
    assert [name for name, holds in report["checks"].items() if not holds] == [check]
    [reason] = report["reasons"]
    assert reason["check"] == check
    assert says in reason["reason"]


def test_a_worker_starts_serves_waits_and_drains() -> None:
    recovered, stopping = False, False
    health = _health(_readiness(recovered=lambda: recovered, stopping=lambda: stopping))
    seen = [health.report()["state"]]
    recovered = True
    seen.append(health.report()["state"])
    recovered = False
    seen.append(health.report()["state"])
    stopping = True
    seen.append(health.report()["state"])

    assert seen == ["starting", "serving", "waiting", "draining"]


def test_lags_add_their_records_and_keep_the_oldest() -> None:
    assert Lag(3, 2.0).and_(Lag(4, 5.0)) == Lag(7, 5.0)
    assert Lag(3, 2.0).and_(Lag()) == Lag(3, 2.0)
