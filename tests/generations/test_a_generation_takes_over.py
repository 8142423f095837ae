"""A generation with another number of partitions takes over under load, and gives back: no row differs, no outcome changes, every effect comes once."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.stack import Endpoints
from tests.generations.trial import Options, trial


@pytest.mark.slow
async def test_another_number_of_partitions_serves_and_the_first_one_again(
    own_servers: Endpoints, tmp_path: Path
) -> None:
    # 3 has no divisor with 2: each consumer of the new generation reads every token of the streams.
    options = Options(persons=60, per_s=30, partitions=2, new_partitions=3, seconds=0.5, built_at_once=True)

    report = await trial(own_servers, tmp_path, options, lambda _line: None)

    assert report.wrong == []
    assert report.refused > 0
    assert len(report.pauses_s) == 2
    assert all("starting" in phases for phases in report.phases_s)
