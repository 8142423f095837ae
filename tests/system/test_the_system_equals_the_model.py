"""Random valid and invalid commands on real servers, with a worker that is killed: everything that can be seen is what the pure model says."""

from __future__ import annotations

import asyncio
import os
import secrets
from pathlib import Path

import pytest

from local.stack import Endpoints
from ops.up import start_team
from tests.short_lived import kill_team
from tests.system.__main__ import say
from tests.system.run import SETTINGS, Plan, run

SEED = "PERSON_TEST_SEED"


@pytest.mark.slow
async def test_outcomes_events_tables_and_queries_are_those_of_the_model(
    own_servers: Endpoints, tmp_path: Path
) -> None:
    seed = int(os.environ.get(SEED) or secrets.randbelow(1_000_000))
    # Shown when the test fails: the same seed asks the same again.
    say(f"{SEED}={seed}")
    plan = Plan(seed, persons=40, rounds=2, commands_each=4, merges=6, questions=25, restarts=False)
    team = await asyncio.to_thread(start_team, own_servers, 2, tmp_path, SETTINGS)
    try:
        found = await run(plan, own_servers, team, say)
    finally:
        await asyncio.to_thread(kill_team, team)

    assert found.differences == []
    assert found.commands > 300
    assert found.accepted > 100
    assert len(found.codes) > 15
