"""Verbs and workers find the servers that `person up` started in this folder; the environment always has the last word."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.installation import STACK_FILE, Installation, settings


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder in which `person up` runs."""
    monkeypatch.chdir(tmp_path)
    for name in ("PERSON_NATS_URL", "PERSON_KAFKA_BOOTSTRAP", "PERSON_ACCESS", "PERSON_GRANTS_FILE"):
        monkeypatch.delenv(name, raising=False)
    Installation("nats://127.0.0.1:1", "127.0.0.1:2", "build/stack", 1, (), (), ()).write(STACK_FILE)


@pytest.mark.usefixtures("running")
def test_nobody_needs_a_grant_at_servers_that_were_started_for_this_machine() -> None:
    found = settings()

    assert (found.nats_url, found.kafka_bootstrap, found.access) == ("nats://127.0.0.1:1", "127.0.0.1:2", "open")


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize(
    ("name", "value"),
    [("PERSON_NATS_URL", "nats://elsewhere:4222"), ("PERSON_ACCESS", "granted"), ("PERSON_GRANTS_FILE", "grants.toml")],
)
def test_other_servers_and_given_rights_stay_closed(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)

    assert settings().access == "granted"
