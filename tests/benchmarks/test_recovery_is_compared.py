"""The comparison of recoveries runs: lanes and stock Faust rebuild the same rows from one changelog."""

from __future__ import annotations

import asyncio
from pathlib import Path

from benchmarks.recovery import measure
from local.stack import Endpoints


async def test_lanes_and_stock_faust_recover_the_same_rows(servers: Endpoints, tmp_path: Path) -> None:
    found = await asyncio.to_thread(measure, servers.kafka_bootstrap, tmp_path, rows=4000, row_bytes=300, runs=1)

    [lanes], [stock] = found["runs"]["lanes"], found["runs"]["faust"]
    assert lanes["digest"] == stock["digest"]
    assert lanes["rows"] == stock["rows"] == 4000
    assert lanes["rows_per_second"] > 0
