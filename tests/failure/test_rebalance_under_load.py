"""Workers join, leave, restart and are killed while commands run in every partition: nothing is missed, nothing is done twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.stack import Endpoints
from tests.rehearsal.rehearsal import Options, rehearse


@pytest.mark.slow
async def test_a_team_that_changes_under_load_loses_nothing_and_ends_in_order(
    own_servers: Endpoints, tmp_path: Path
) -> None:
    options = Options(steps=("add", "upgrade", "kill", "remove"), persons=120, per_s=40, after_s=1)

    found = await rehearse(own_servers, tmp_path, options)

    assert (found.lost, found.twice, found.differences) == (0, 0, [])
    assert found.exit_codes == [0, 0]
    # Two seconds where nothing else runs, the kill apart: there the session of five seconds has to expire.
    assert all(step.longest_s < 30 for step in found.steps), found.steps
