"""`make demo`: the main job on real servers, from real input to a report, with one worker killed in the middle.

It imports the authors of this repository and the cards in examples/, runs lifecycle commands and sagas through simulated neighbours, kills a
worker with SIGKILL while both are under way, asks queries, compares every table with an independent fold of JetStream and writes
build/demo.json."""

from __future__ import annotations

import asyncio
import json
import shutil
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from config.neighbours import FAULTS
from local.errors import StackError
from local.neighbours.process import Neighbours
from ops import demo_sagas, output
from ops.client import ClientError, CommandMessage, PersonClient
from ops.importing.plan import ImportSourceError
from ops.importing.report import ImportReport
from ops.importing.sending import send_plan
from ops.importing.sources import plan_source
from ops.servers import servers
from ops.up import start_team, stop_team
from ops.verification import Verification, verify
from ops.workers import Worker, WorkerError

REPORT = Path("build/demo.json")
DATA = Path("build/demo")
LIFECYCLE_COMMANDS = 600
COMMANDS_PER_SECOND = 60
KILL_AFTER = 150
LATENCY_SAMPLES = 200
LEFT_OUT_SHOWN = 5


def main() -> int:
    """Run the demo; 0 only if nothing was lost and nothing happened twice."""
    shutil.rmtree(DATA, ignore_errors=True)
    team: list[Worker] = []
    try:
        with servers(DATA / "stack", progress=_say) as running:
            try:
                team = start_team(running, 2, DATA)
                with Neighbours(running.nats_url, log=DATA / "logs" / "neighbours.log", config=FAULTS):
                    report = asyncio.run(_tour(running.nats_url, team))
            finally:
                stop_team(team)
    except (StackError, WorkerError, ClientError, ImportSourceError) as error:
        output.errors.print(f"demo: {error}", markup=False)
        return output.EXIT_FAILURE
    except KeyboardInterrupt:
        _say("stopped")
        return 130
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=2) + "\n")
    _print(report)
    good = report["lost"] == 0 and report["duplicated"] == 0 and report["processes"]["as_expected"]
    return output.EXIT_OK if good else output.EXIT_FAILURE


async def _tour(nats_url: str, team: list[Worker]) -> dict[str, Any]:
    imported: dict[str, ImportReport] = {}
    for kind, path in (("git", Path()), ("vcard", Path("examples"))):
        _say(f"importing {kind} from {path if path.name else 'this repository'}")
        try:
            imported[kind] = await send_plan(kind, plan_source(kind, path), nats=nats_url)
        except ImportSourceError as error:
            # A shallow or exported copy of the repository has no history to import; the cards are enough to go on.
            _say(f"left out: {error}")
    person_ids = [person_id for report in imported.values() for person_id in report.person_ids]
    async with PersonClient(nats_url) as client:
        latencies = await _measure(client, person_ids)
        _say(f"sending {LIFECYCLE_COMMANDS} lifecycle commands and onboarding {demo_sagas.ONBOARDINGS} persons")
        processes, lifecycle = await asyncio.gather(
            demo_sagas.play(client), _lifecycle_with_kill(client, person_ids, team)
        )
        answers = await _ask(client, person_ids)
        _say("comparing every table with an independent fold of JetStream")
        checked = await verify(client)
    return _report(imported, latencies, lifecycle, processes, answers, checked)


async def _measure(client: PersonClient, person_ids: list[str]) -> list[float]:
    """Milliseconds from sending a command to reading its effect in a table, one command at a time."""
    milliseconds = []
    for number in range(LATENCY_SAMPLES):
        person_id = person_ids[(number // 2) % len(person_ids)]
        started = time.perf_counter()
        outcome = await client.send(_toggle(person_id, number % 2 == 0), timeout_s=30)
        request = {"person_id": person_id, "min_position": outcome["position"]}
        await client.query("get_by_id", request)
        milliseconds.append((time.perf_counter() - started) * 1000)
    return milliseconds[LATENCY_SAMPLES // 4 :]


async def _lifecycle_with_kill(client: PersonClient, person_ids: list[str], team: list[Worker]) -> dict[str, Any]:
    killed_at = 0.0
    waiting = []
    for number in range(LIFECYCLE_COMMANDS):
        person_id = person_ids[(number // 2) % len(person_ids)]
        waiting.append(await client.publish(_toggle(person_id, number % 2 == 0)))
        if number == KILL_AFTER:
            team[0].process.kill()
            killed_at = time.monotonic()
            _say(f"killed {team[0].name} (SIGKILL)")
            taking_over = asyncio.create_task(asyncio.to_thread(_await_all_partitions, team[1]))
        await asyncio.sleep(1 / COMMANDS_PER_SECOND)
    owned_at = await taking_over
    outcomes = [await client.outcome(command_id, future, timeout_s=60) for command_id, future in waiting]
    _say(f"{team[1].name} took over after {owned_at - killed_at:.1f} s")
    return {
        "commands": len(outcomes),
        "accepted": sum(outcome["status"] == "accepted" for outcome in outcomes),
        "takeover_seconds": round(owned_at - killed_at, 2),
        "killed": team[0].name,
    }


def _await_all_partitions(worker: Worker) -> float:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            partitions = worker.page("/status")["partitions"]
        except (OSError, ValueError):
            partitions = []
        if isinstance(partitions, list) and len(partitions) == 8:
            return time.monotonic()
        time.sleep(0.05)
    raise WorkerError(f"{worker.name} did not take over within 60 s; its log is {worker.log}")


async def _ask(client: PersonClient, person_ids: list[str]) -> list[dict[str, Any]]:
    answers = []
    for person_id in (person_ids[0], person_ids[-1]):
        person = (await client.query("get_by_id", {"person_id": person_id}))["data"]
        timeline = (await client.query("get_timeline", {"person_id": person_id}))["data"]
        summary = person["summary"]
        answers.append(
            {
                "person_id": person_id,
                "display_name": summary["display_name"],
                "status": summary["status"],
                "components": summary["component_types"],
                "events": len(timeline),
            }
        )
    return answers


def _toggle(person_id: str, suspend: bool) -> CommandMessage:
    verb, reason = ("suspend", "demo: away") if suspend else ("reactivate", "demo: back")
    return CommandMessage(f"person.commands.lifecycle.{verb}", {"reason": reason}, person_id, actor="user:demo")


def _report(
    imported: dict[str, ImportReport],
    latencies: list[float],
    lifecycle: dict[str, Any],
    processes: dict[str, Any],
    answers: list[dict[str, Any]],
    checked: Verification,
) -> dict[str, Any]:
    return {
        "persons": checked.persons,
        "events": checked.events,
        "imported": {kind: report.as_data() for kind, report in imported.items()},
        "command_to_visible_ms": {
            "p50": round(statistics.median(latencies), 2),
            "p95": round(statistics.quantiles(latencies, n=20)[18], 2),
            "samples": len(latencies),
        },
        "lifecycle": lifecycle,
        "processes": processes,
        "killed": lifecycle["killed"],
        "lost": checked.lost + lifecycle["commands"] - lifecycle["accepted"],
        "duplicated": checked.duplicated,
        "differences": checked.differences,
        "answers": answers,
    }


def _print(report: dict[str, Any]) -> None:
    latency = report["command_to_visible_ms"]
    lines = ["", f"persons     {report['persons']}", f"events      {report['events']}"]
    for kind, found in report["imported"].items():
        lines.append(f"imported    {found['persons']} from {kind}, {len(found['refused'])} commands refused")
        lines += [f"            left out: {line}" for line in found["left_out"][:LEFT_OUT_SHOWN]]
        if len(found["left_out"]) > LEFT_OUT_SHOWN:
            lines.append(f"            and {len(found['left_out']) - LEFT_OUT_SHOWN} more, in {REPORT}")
    lines += [
        f"latency     command to visible p50 {latency['p50']} ms, p95 {latency['p95']} ms (one at a time)",
        f"killed      {report['killed']} with SIGKILL; taken over after {report['lifecycle']['takeover_seconds']} s",
    ]
    processes = report["processes"]
    ended = ", ".join(f"{count} {name}" for name, count in processes["sagas"].items())
    fired = ", ".join(f"{name} {count}" for name, count in processes["policies"].items())
    lines += [
        f"sagas       {ended}; within {processes['seconds']} s",
        f"policies    fired: {fired or 'none'}",
        f"skills      found in a Git profile: {', '.join(processes['skills_found'])}",
    ]
    for answer in report["answers"]:
        lines.append(f"asked       {answer['display_name']}: {answer['status']}, {answer['events']} events")
    lines += [
        f"lost        {report['lost']}",
        f"duplicated  {report['duplicated']}",
        *(f"difference  {line}" for line in report["differences"][:10]),
        "",
        f"The report as JSON: {REPORT}",
    ]
    for line in lines:
        output.text.print(line, markup=False)


def _say(line: str) -> None:
    output.text.print(line, markup=False)


if __name__ == "__main__":
    sys.exit(main())
