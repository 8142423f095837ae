"""What operators do with workers, done under load on real servers: add, remove, upgrade, kill, roll.

Guarantee: a run is clean only if every command was accepted and had its effect once, every table equals the fold of the events, and
every worker that was asked to end has ended by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.rebalance import Team
from local.stack import Endpoints
from ops.client import PersonClient
from ops.verification import read_all, verify
from tests.rehearsal.load import SteadyLoad, Step

STEPS = ("add", "upgrade", "kill", "roll", "remove")


@dataclass(frozen=True)
class Options:
    """How large a rehearsal is."""

    steps: Sequence[str] = STEPS
    workers: int = 2
    persons: int = 400
    per_s: float = 60.0
    after_s: float = 5.0
    settings: dict[str, str] | None = None


@dataclass(frozen=True)
class Rehearsal:
    """What a run found; `lost` counts commands without effect, `twice` effects beyond one for each command."""

    steps: list[Step]
    commands: int
    lost: int
    twice: int
    exit_codes: list[int]
    differences: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing was lost, done twice, wrong or killed."""
        return not (self.lost or self.twice or any(self.exit_codes) or self.differences)


async def rehearse(servers: Endpoints, folder: Path, options: Options) -> Rehearsal:
    """Start a team, change it step by step under load, and check everything at the end."""
    team = Team(servers, folder, options.settings)
    actions = {
        "add": team.join,
        "remove": team.leave,
        "upgrade": team.restart_one,
        "kill": team.kill,
        "roll": team.restart_each,
    }
    try:
        for _ in range(options.workers):
            await team.join()
        async with PersonClient(servers.nats_url) as client:
            load = SteadyLoad(client, persons=options.persons, per_s=options.per_s)
            await load.start()
            steps = [await load.during("before", _nothing, after_s=options.after_s)]
            for name in options.steps:
                steps.append(await load.during(name, actions[name], after_s=options.after_s))
            await load.stop()
            checked = await verify(client)
            effects = [event.causationid for _, _, event in await read_all(client.nc)]
    finally:
        team.stop()
    accepted = {one["command_id"] for one in load.outcomes if one["status"] == "accepted"}
    lost = len(load.outcomes) - len(accepted) + len(accepted - set(effects))
    return Rehearsal(
        steps,
        len(load.outcomes),
        lost + checked.lost,
        len(effects) - len(set(effects)) + checked.duplicated,
        team.exit_codes,
        checked.differences,
    )


async def _nothing() -> None:
    await asyncio.sleep(0)
