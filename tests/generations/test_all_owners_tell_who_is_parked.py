"""Whether anybody is parked is known when the owner of every partition has said so; one that is silent for a moment may have somebody."""

from __future__ import annotations

from typing import Any
from unittest.mock import MagicMock

import pytest
from nats.aio.client import Client

import ops.generations.switching
from agents.generations import Generation, Held, Register
from config.settings import Settings
from ops.generations.errors import GenerationError
from ops.generations.switching import _Switching
from tables.quarantine import Parked, QuarantineRow, QuarantineTable, encode
from wiring.owner_services import owner_services

FIRST = Generation(name="", app_id="x", partitions=2, declared_at="2026-01-01", declared_by="user:x")
BOTH = Register(generations={"": FIRST, "green": FIRST.model_copy(update={"name": "green"})})


def switching(timeout_s: float) -> _Switching:
    nobody: Any = None
    said: list[str] = []
    return _Switching(
        Client(), Settings(partitions=2), nobody, Held(BOTH, 0), "green", "user:x", timeout_s, said.append, False
    )


def owners(patch: pytest.MonkeyPatch, *told: dict[int, dict[str, Any]]) -> None:
    answers = list(told)

    async def ask(_nc: Client, _app_id: str, _partitions: int) -> dict[int, dict[str, Any]]:
        return answers.pop(0) if len(answers) > 1 else answers[0]

    patch.setattr(ops.generations.switching, "ask_owners", ask)


async def test_an_owner_that_is_silent_for_a_moment_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    owners(monkeypatch, {0: {"parked": 0}}, {0: {"parked": 0}, 1: {"parked": 1}})

    with pytest.raises(GenerationError, match="1 letters of parked persons wait in generation first"):
        await switching(5)._require_nobody_parked()


async def test_a_switch_with_an_owner_that_stays_silent_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    owners(monkeypatch, {0: {"parked": 0}})

    with pytest.raises(GenerationError, match="not every owner of generation first told in time whether anybody"):
        await switching(0)._require_nobody_parked()


def test_an_owner_counts_again_what_a_cycle_that_failed_has_forgotten() -> None:
    table = MagicMock()
    row = QuarantineRow(Parked(first=3, last=3, events=1, cause="x", reason="y", since_ms=0, attempts=1))
    table.rows.side_effect = lambda _partition: iter([(b"fold_persons:ada", encode(row))])
    tables = MagicMock()
    tables.worker.quarantine = QuarantineTable(table)
    tables.worker.quarantine.load(0)
    nobody: Any = MagicMock()
    services = owner_services(nobody, tables, nobody, nobody, nobody, nobody, nobody)

    tables.worker.quarantine.forget(0)

    assert services.reports._report(0)["parked"] == 1
