"""The measurements of the bridge run and count what they carried."""

from __future__ import annotations

import pytest

from benchmarks import bridge_hop
from local.stack import Endpoints

MESSAGES = 40_000


@pytest.mark.slow
async def test_both_directions_and_a_hop_are_measured(servers: Endpoints) -> None:
    ingress = await bridge_hop.measure_ingress(servers, MESSAGES)
    egress = await bridge_hop.measure_egress(servers, MESSAGES)
    hop = await bridge_hop.measure_ingress_hop(servers, rate=100, seconds=1)

    assert 0 < ingress.messages <= MESSAGES
    assert 0 < egress.messages <= MESSAGES
    assert ingress.cpu_us_per_message > 0
    assert hop.samples == 75
    assert 0 < hop.p50 <= hop.p95 <= hop.max
