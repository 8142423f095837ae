"""One drill: a fold breaks in a release, is seen, mended and made up for; then the tables are built anew with another row and twice the partitions.

All of it under load, with the verbs that an operator has. It finds whatever was lost, differs, happened twice, or stopped others."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.stack import Endpoints
from ops.client import PersonClient
from ops.verification import read_all
from ops.workers import Worker
from tests.drill.next_release import COLUMN
from tests.drill.people import UNFORTUNATE, learn, let_down
from tests.generations.load import Load, person_id
from tests.generations.trial import team

Say = Callable[[str], None]
AGENT = "project_summary"
LET_DOWN = 20
SEEN_WITHIN_S = 60.0
FOLDED_WITHIN_S = 1800.0
VERB_WITHIN_S = 3600.0
END_BUDGET_S = 20.0
ROLE_OF_GOOD = "ops.worker"
ROLE_OF_BROKEN = "tests.drill.broken_worker"
ROLE_OF_NEXT = "tests.drill.next_worker"
PERSON = "from ops.cli import main; main()"
NEXT_PERSON = "import tests.drill.next_release; from ops.cli import main; main()"


class DrillError(Exception):
    """A step did not come about."""


@dataclass(frozen=True)
class Options:
    """How large a drill is."""

    persons: int
    per_s: float = 50.0
    partitions: int = 4
    new_partitions: int = 8
    workers: int = 2
    seed: int = 1


@dataclass
class Report:
    """What a drill saw. `wrong` is empty when nothing was lost, differs, happened twice or stopped others."""

    persons: int = 0
    commands: int = 0
    refused: int = 0
    parked: int = 0
    seen_on_the_status_page: int = 0
    alert: float = 0.0
    others_slowest_s: float = 0.0
    redriven: int = 0
    pauses_s: list[float] = field(default_factory=list)
    steps_s: dict[str, float] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


class Drill:
    """The steps in their order; each leaves the installation serving."""

    def __init__(self, servers: Endpoints, folder: Path, options: Options, say: Say) -> None:
        self.report = Report()
        self._servers = servers
        self._folder = folder
        self._options = options
        self._say = say

    async def run(self) -> Report:
        """All steps."""
        options = self._options
        settings = {"PERSON_PARTITIONS": str(options.partitions)}
        with team("first", self._servers, self._folder, options.workers, settings) as old:
            for worker in old:
                await asyncio.to_thread(worker.await_ready)
            async with PersonClient(self._servers.nats_url) as client:
                load = Load(client, per_s=options.per_s, seed=options.seed, persons=options.persons)
                await self._timed("create", load.create(range(options.persons)))
                load.start()
                await self._timed("break", self._release(old, ROLE_OF_BROKEN))
                names = await self._timed("park", self._park(client))
                await self._timed("see", self._see(old, names))
                await self._timed("others", self._others_go_on(client, names))
                await self._timed("fix", self._release(old, ROLE_OF_GOOD))
                await self._timed("redrive", self._redrive(client, names))
                await self._timed("verify", self._verify(PERSON, "verify"))
                await self._next_generation(client, load)
                self.report.persons, self.report.commands = load.persons, len(load.told)
                self.report.refused = sum(one["status"] == "refused" for one in load.told.values())
                await self._check_effects(client, load)
        return self.report

    async def _timed(self, name: str, work: Any) -> Any:
        self._say(name)
        begun = time.monotonic()
        try:
            return await work
        finally:
            self.report.steps_s[name] = round(time.monotonic() - begun, 1)

    async def _release(self, workers: Sequence[Worker], module: str) -> None:
        """A rolling update: one worker after the other ends in order and starts as another release."""
        for worker in workers:
            worker.ask_to_end()
            await asyncio.to_thread(worker.await_end, END_BUDGET_S)
            if worker.process.returncode != 0:
                self.report.wrong.append(f"{worker.name} ended with {worker.process.returncode}")
            worker.module = module
            worker.start()
            await asyncio.to_thread(worker.await_ready)

    async def _park(self, client: PersonClient) -> list[str]:
        """Give persons a name that the release cannot show; those of whom nothing is accepted are left out."""
        parked: list[str] = []
        for number in range(self._options.persons):
            outcome = await client.send(let_down(number), timeout_s=30)
            if outcome["status"] == "accepted":
                parked.append(person_id(number))
            if len(parked) == LET_DOWN:
                return parked
        raise DrillError(f"only {len(parked)} persons took the name")

    async def _see(self, workers: Sequence[Worker], names: Sequence[str]) -> None:
        """The status pages, the metric of the alert and the verb all tell of them."""
        deadline = time.monotonic() + SEEN_WITHIN_S
        while True:
            pages = [await asyncio.to_thread(worker.page, "/status") for worker in workers]
            shown = sum(one["persons"] for page in pages for one in page["quarantine"] if one["agent"] == AGENT)
            gauges = [await asyncio.to_thread(_metrics, worker) for worker in workers]
            alert = sum(_sum(text, rf'person_quarantined_persons{{[^}}]*agent="{AGENT}"[^}}]*}}') for text in gauges)
            if shown == alert == len(names):
                break
            if time.monotonic() > deadline:
                raise DrillError(f"{len(names)} persons are parked, the pages show {shown}, the metric {alert:g}")
            await asyncio.sleep(0.5)
        self.report.seen_on_the_status_page, self.report.alert = shown, alert
        listed = await self._person(PERSON, "dlq", "list", "--agent", AGENT, "--json")
        told = {row["person_id"] for row in listed["data"]}
        self.report.parked = len(told)
        if told != set(names):
            self.report.wrong.append(f"person dlq list tells of {len(told)} persons instead of {len(names)}")

    async def _others_go_on(self, client: PersonClient, parked: Sequence[str]) -> None:
        """Persons next to the parked ones are decided and shown as before."""
        for number in range(LET_DOWN):
            whom = person_id(self._options.persons - 1 - number)
            if whom in parked:
                continue
            begun = time.monotonic()
            outcome = await client.send(learn(whom, f"Drill {number}"), timeout_s=30)
            if outcome["status"] == "accepted":
                seen = {"person_id": whom, "min_position": outcome["position"], "timeout_ms": 9000}
                answer = await client.query("get_by_id", seen)
                if answer["data"]["summary"]["version"] < outcome["version"]:
                    self.report.wrong.append("somebody who is not parked is shown as before")
            self.report.others_slowest_s = max(self.report.others_slowest_s, round(time.monotonic() - begun, 3))

    async def _redrive(self, client: PersonClient, names: Sequence[str]) -> None:
        letters = (await self._person(PERSON, "dlq", "list", "--agent", AGENT, "--json"))["data"]
        preview = await self._person(PERSON, "dlq", "dry-run", letters[0]["letter"], "--json")
        if preview["status"] != "ok":
            self.report.wrong.append(f"the dry run fails: {preview}")
        arguments = ("dlq", "redrive", "--agent", AGENT, "--yes", "--why", "the release was mended", "--json")
        done = await self._person(PERSON, *arguments)
        self.report.redriven = sum(one["done"] for one in done["data"])
        left = (await self._person(PERSON, "dlq", "list", "--agent", AGENT, "--json"))["data"]
        if left:
            self.report.wrong.append(f"{len(left)} letters wait still")
        for whom in names:
            answer = await client.query("get_by_id", {"person_id": whom})
            if "redirected_from" not in answer and UNFORTUNATE not in answer["data"]["summary"]["display_name"]:
                self.report.wrong.append("a redriven person is shown as before")

    async def _next_generation(self, client: PersonClient, load: Load) -> None:
        options = self._options
        partitions = str(options.new_partitions)
        built = await self._person(PERSON, "generations", "build", "next", "--partitions", partitions, "--json")
        environment = built["data"]["environment"]
        new = [
            Worker(
                f"next-{number}",
                nats_url=self._servers.nats_url,
                kafka_bootstrap=self._servers.kafka_bootstrap,
                data=self._folder / f"next-{number}",
                logs=self._folder / "logs",
                settings=environment,
            )
            for number in range(1, options.workers + 1)
        ]
        try:
            for worker in new:
                worker.module = ROLE_OF_NEXT
                worker.start()
            for worker in new:
                await asyncio.to_thread(worker.await_ready)
            await self._timed("build", self._until_level())
            await self._timed("compare", self._verify(NEXT_PERSON, "generations", "compare", "next"))
            await self._timed("switch", self._switch("switch", "next"))
            asked = {"projection": "summary", "key": person_id(0)}
            rows = (await client.query("get_projection", asked))["data"]
            if any(COLUMN not in row for row in rows):
                self.report.wrong.append("rows of the new generation lack their new column")
            await self._timed("verify next", self._verify(NEXT_PERSON, "generations", "compare", "next"))
            await self._timed("rollback", self._switch("rollback"))
            await self._timed("verify first", self._verify(PERSON, "generations", "compare", "first"))
            await self._timed("switch again", self._switch("switch", "next"))
            await load.stop()
            self.report.wrong += [f"command {one} is answered otherwise now" for one in await load.repeat(50)]
            await self._timed("verify last", self._verify(NEXT_PERSON, "generations", "compare", "next"))
        finally:
            for worker in new:
                worker.ask_to_end()
            for worker in new:
                await asyncio.to_thread(worker.await_end, END_BUDGET_S)

    async def _switch(self, *arguments: str) -> None:
        done = await self._person(PERSON, "generations", *arguments, "--json")
        self.report.pauses_s.append(done["data"]["pause_s"])

    async def _until_level(self) -> None:
        deadline = time.monotonic() + FOLDED_WITHIN_S
        while True:
            told = await self._person(PERSON, "generations", "status", "--json")
            [new] = [one for one in told["data"]["generations"] if one["name"] == "next"]
            if new["lacks"] is not None and new["lacks"] < 100 and not new["silent"]:
                return
            self._say(f"  lacks {new['lacks']} events, {new['lag_s']} s; done in {new['eta_s']} s")
            if time.monotonic() > deadline:
                raise DrillError(f"the new generation lacks {new['lacks']} events still")
            await asyncio.sleep(2)

    async def _verify(self, program: str, *arguments: str) -> None:
        found = await self._person(program, *arguments, "--json")
        if found["status"] != "ok":
            self.report.wrong.append(f"{' '.join(arguments)}: {json.dumps(found['data'])[:2000]}")

    async def _check_effects(self, client: PersonClient, load: Load) -> None:
        created: set[str] = set()
        flagged: dict[str, int] = {}
        for _, _, event in await read_all(client.nc):
            if event.type == "person.created":
                created.add(event.person_id)
            elif event.type == "person.quality_flagged":
                flagged[event.person_id] = flagged.get(event.person_id, 0) + 1
        if len(created) != load.persons:
            self.report.wrong.append(f"{load.persons} persons were asked for, {len(created)} were created")
        lacking = sum(one not in flagged for one in created)
        twice = sum(count > 1 for count in flagged.values())
        if lacking or twice:
            self.report.wrong.append(f"a policy flagged {lacking} persons not at all and {twice} twice")

    async def _person(self, program: str, *arguments: str) -> dict[str, Any]:
        """The document that a verb prints. Raises DrillError when it prints none."""
        environment = {
            **os.environ,
            "PERSON_NATS_URL": self._servers.nats_url,
            "PERSON_KAFKA_BOOTSTRAP": self._servers.kafka_bootstrap,
            "PERSON_PARTITIONS": str(self._options.partitions),
        }
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", program, *arguments],
            env=environment,
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            timeout=VERB_WITHIN_S,
            check=False,
        )
        try:
            document: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            raise DrillError(f"person {' '.join(arguments)}: exit {done.returncode}: {done.stderr[-500:]}") from None
        return document


def _metrics(worker: Worker) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{worker.port}/metrics", timeout=30) as reply:
        text: str = reply.read().decode()
    return text


def _sum(text: str, series: str) -> float:
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if re.match(series, line))
