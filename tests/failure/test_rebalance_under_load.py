"""Workers join, leave and restart while commands run in every partition: nothing is missed, nothing is done twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.rebalance import measure
from local.stack import Endpoints


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_a_team_that_changes_under_load_serves_every_partition_again_with_each_effect_once(
    own_servers: Endpoints, tmp_path: Path
) -> None:
    found = await measure(own_servers, tmp_path, changes=("join", "leave", "rolling"))

    assert (found.missing, found.twice) == (0, 0)
    assert found.verification.differences == []
    # About 1.5 s where nothing else runs; the session of five seconds must not have to expire.
    assert all(change.worst_s < 20 for change in found.changes), found.changes
