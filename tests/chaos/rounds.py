"""Runs rounds on one installation: load and faults, heal, wait until quiet, check. Servers and workers live over all rounds."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from config.settings import Settings
from ops.client import PersonClient
from tests.chaos.checks import Checks
from tests.chaos.egress import EgressLedger, EgressSender
from tests.chaos.faults import FaultMaker, Happened
from tests.chaos.findings import Findings
from tests.chaos.installation import Installation, Restart
from tests.chaos.ledger import Entry
from tests.chaos.load import commands
from tests.chaos.plan import Kind, RoundPlan, plan_round
from tests.chaos.quiet import NeverQuietError, wait_until_quiet, wait_until_well
from tests.chaos.sender import Sender

ASKED_AGAIN = 2000


@dataclass
class Round:
    """What a round did and found. `heal_s`: from healing the last fault until everything answers."""

    plan: RoundPlan
    entries: list[Entry]
    happened: list[Happened]
    restarts: list[Restart]
    heal_s: float | None
    longest_wait_s: float
    check_s: float
    findings: Findings


@dataclass
class Run:
    """All rounds of a run and what was checked over all of them at the end."""

    seed: int
    rounds: list[Round] = field(default_factory=list)
    last_findings: Findings = field(default_factory=Findings)

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return self.last_findings.clean and all(one.findings.clean for one in self.rounds)


class Chaos:
    """The harness on a started installation."""

    def __init__(self, installation: Installation, client: PersonClient, *, per_s: float) -> None:
        self.checks = Checks(Settings())
        self._installation = installation
        self._client = client
        self._per_s = per_s
        self._sender = Sender(client)
        self._records = EgressSender(installation.stack.endpoints.kafka_bootstrap)
        self.egress = EgressLedger()
        self._maker = FaultMaker(installation)
        self._partitions = Settings().partitions
        self._bootstrap = installation.stack.endpoints.kafka_bootstrap

    async def run(
        self, seed: int, count: int, possible: Collection[Kind], *, progress: Callable[[Round, int], None]
    ) -> Run:
        """Rounds of seeds `seed`, `seed + 1` and so on; ends after the first that found something, then checks everything."""
        await self._sender.start()
        run = Run(seed)
        try:
            for number in range(count):
                done = await self._round(plan_round(seed + number, possible))
                run.rounds.append(done)
                progress(done, number + 1)
                if not done.findings.clean:
                    return run
            # Each outcome was asked for in its round; all are compared with the changelog now, and some are asked for again.
            everybody = self._sender.entries
            again = random.Random(seed).sample(everybody, min(ASKED_AGAIN, len(everybody)))
            run.last_findings = await self._check(everybody, asked=again, everything=True)
            return run
        finally:
            await self._sender.stop()
            await self._records.stop()

    async def _round(self, plan: RoundPlan) -> Round:
        due = commands(plan.seed, per_s=self._per_s, seconds=plan.load_s)
        restarts_before = len(self._installation.restarts)
        sending = asyncio.create_task(self._sender.send(due, plan.seed))
        writing = asyncio.create_task(self._records.send(plan.seed, seconds=plan.load_s))
        heal_s = None
        findings = Findings()
        try:
            await self._maker.carry_out(plan.faults)
            healed_at = time.monotonic()
            healed_at_s = self._sender.now
            try:
                await wait_until_well(
                    self._installation, self._sender, due_before_s=healed_at_s, partitions=self._partitions
                )
                heal_s = time.monotonic() - healed_at
            finally:
                entries = await sending
                await writing
            await wait_until_quiet(
                self._installation, self._client, self._sender, partitions=self._partitions, carried=self._carried
            )
        except NeverQuietError as error:
            findings.add("lost", "installation", str(error))
            await self._installation.let_workers_tell()
        checking = time.monotonic()
        if findings.clean:
            findings = await self._check(entries, asked=entries, everything=False)
        return Round(
            plan,
            entries,
            self._maker.happened,
            self._installation.restarts[restarts_before:],
            heal_s,
            max((entry.waited_s or 0.0 for entry in entries), default=0.0),
            time.monotonic() - checking,
            findings,
        )

    async def _carried(self) -> str | None:
        if self._records.under_way:
            return f"{self._records.under_way} records are not acknowledged by Kafka"
        return await self.egress.read(self._client.nc, self._bootstrap)

    async def _check(self, entries: list[Entry], *, asked: list[Entry], everything: bool) -> Findings:
        findings = await self.checks.check(
            self._client, self._bootstrap, self._sender, entries, asked=asked, everything=everything
        )
        self.egress.check(self._records, findings)
        return findings
