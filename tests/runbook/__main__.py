"""`python -m tests.runbook [INCIDENT …]`: makes the troubles that are most likely on real servers, waits until a real Prometheus raises the
alerts, types the commands of their pages, mends what they name, and waits until the alerts go.

Incidents are chosen by words of their names. Exit code 0 only if every page led where it says. Report: build/runbook.json."""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bridge.streams import ensure_stream
from bridge.topics import ensure_topics
from config.topics import Topic
from local.stack import Stack
from ops.client import PersonClient
from tests.docs.snippets import Snippet, snippets
from tests.monitoring.real_prometheus import PrometheusMissingError, RealPrometheus
from tests.monitoring.test_alerts_are_complete import page_of
from tests.runbook.incidents import GOOD, INCIDENTS, ROUTES, TARGET, TOPIC, Incident
from tests.runbook.installation import Installation, RunbookError, SwappedWorker

LOOK, DO = "## Look", "## Do"
ROUTES_FILE = "routes.toml"


def main() -> int:
    """Run the chosen incidents one after the other."""
    parser = argparse.ArgumentParser(prog="runbook", description=__doc__)
    parser.add_argument("words", nargs="*", help="words of the names of incidents; all of them without any")
    parser.add_argument("--data", type=Path, default=Path("build/runbook"), help="folder of the run")
    parser.add_argument("--report", type=Path, default=Path("build/runbook.json"), help="where the report goes")
    given = parser.parse_args()
    chosen = [one for one in INCIDENTS if not given.words or any(word in one.name for word in given.words)]
    data = given.data.resolve()
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True)
    (data / ROUTES_FILE).write_text(ROUTES)
    try:
        report = asyncio.run(_run(data, chosen))
    except PrometheusMissingError as error:
        _say(f"runbook: {error}")
        return 2
    given.report.write_text(json.dumps(report, indent=2) + "\n")
    _say(json.dumps(report, indent=2))
    return 0 if chosen and all("wrong" not in one for one in report.values()) else 1


async def _run(data: Path, chosen: list[Incident]) -> dict[str, Any]:
    routes = data / ROUTES_FILE
    with Stack(data / "stack") as stack:
        reached = stack.endpoints
        async with PersonClient(reached.nats_url) as client:
            await ensure_stream(client.nc, TARGET)
        await ensure_topics(reached.kafka_bootstrap, [Topic(TOPIC, 1, 1, {})])
        team = [
            SwappedWorker(
                f"worker-{number}",
                nats_url=reached.nats_url,
                kafka_bootstrap=reached.kafka_bootstrap,
                data=data / f"worker-{number}",
                logs=data / "logs",
                settings={"PERSON_ROUTES_FILE": str(routes)},
            )
            for number in (1, 2)
        ]
        with RealPrometheus(team, data / "prometheus") as prometheus:
            installation = Installation(stack, team, prometheus, data, routes)
            try:
                await installation.restart(GOOD)
                return {one.name: await _told(one, installation) for one in chosen}
            finally:
                installation.end()


async def _told(incident: Incident, installation: Installation) -> dict[str, Any]:
    _say(f"--- {incident.name}")
    told: dict[str, Any] = {"alerts": incident.alerts, "typed": []}
    try:
        await installation.until(incident.alerts, there=False)
        names = await incident.begin(installation)
        told["seconds_until_seen"] = await installation.until(incident.alerts, there=True)
        for alert in incident.alerts:
            for one in _commands(alert, LOOK):
                told["typed"].append(await _type(one, incident, names, installation))
        await incident.mend(installation)
        for one in _commands(incident.alerts[0], DO):
            if one.text.startswith(tuple(incident.does)):
                told["typed"].append(await _type(one, incident, names, installation))
        told["seconds_until_over"] = await installation.until(incident.ends, there=False)
        await incident.check(installation)
        unused = [one for one in incident.tells if not any(typed.startswith(one) for typed in told["typed"])]
        if unused:
            raise RunbookError(f"no page has the command {unused}")
    except (RunbookError, AssertionError, TimeoutError) as error:
        told["wrong"] = str(error) or type(error).__name__
        # The next one needs an installation that is well.
        await incident.mend(installation)
    return told


def _commands(alert: str, section: str) -> Iterator[Snippet]:
    """The commands of a section of the page of an alert, also those that name what only the reader knows."""
    page = page_of(alert)
    lines = page.read_text().splitlines()
    begin = lines.index(section) + 1
    end = next((number for number, line in enumerate(lines[begin:], begin) if line.startswith("## ")), len(lines)) + 1
    return (one for one in snippets(page) if begin < one.line < end and one.language == "sh")


async def _type(one: Snippet, incident: Incident, names: Mapping[str, str], installation: Installation) -> str:
    """Type one fence; raises RunbookError when it fails or does not tell of the trouble."""
    shown = []
    for command in one.text.strip().splitlines():
        code, printed = await installation.type(_filled(command, names))
        _say(f"$ {command}\n{printed}")
        wanted = _of(incident.codes, command, 0)
        if code != wanted:
            raise RunbookError(f"{one.place}: {command}: ended with {code} instead of {wanted}: {printed[-500:]}")
        text = _filled(_of(incident.tells, command, ""), names)
        if text not in printed:
            raise RunbookError(f"{one.place}: {command}: does not tell {text!r}: {printed[-500:]}")
        shown.append(command)
    return "; ".join(shown)


def _of(by_beginning: Mapping[str, Any], command: str, default: Any) -> Any:
    return next((value for beginning, value in by_beginning.items() if command.startswith(beginning)), default)


def _filled(text: str, names: Mapping[str, str]) -> str:
    for name, value in names.items():
        text = text.replace(name, value)
    return text


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
