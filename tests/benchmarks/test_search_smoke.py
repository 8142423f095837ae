"""The benchmark of the derived index runs and prints what it promises; a few persons say nothing about speed."""

from __future__ import annotations

import json
import sys

import pytest

from benchmarks import search


async def test_the_search_benchmark_prints_its_figures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["search", "--persons", "300", "--partitions", "2", "--rate", "40", "--seconds", "0.5"]
    monkeypatch.setattr(sys, "argv", asked)

    await search.main()

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    figures = {name: value for line in lines for name, value in line.items()}
    assert figures["rows"] == 4 * 300
    assert figures["search"]["samples"] == 20
    assert figures["search, nearly idle"]["samples"] == 5
    assert figures["added_to_a_cycle"]["max"] > 0
