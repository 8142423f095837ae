"""Without Prometheus the run on real servers ends before it starts any."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.monitoring.__main__ import main


def test_without_prometheus_nothing_is_started_or_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "kept").touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["monitoring", "--data", str(tmp_path)])

    assert main() == 2
    assert capsys.readouterr().out.startswith("monitoring: prometheus is not on the PATH")
    assert (tmp_path / "kept").exists()
