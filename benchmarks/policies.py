"""What policies cost: latency and processor time of events with many active policies and with none, in turns on one worker.

    python -m benchmarks.policies [--policies 100] [--rate 500] [--seconds 15] [--runs 3] [--every-event]

Real servers, one worker with all read models. The policies look at the event and at the summary, spread over the types of the events; with
`--every-event` each event is put to all of them. They stay silent, but for two in shadow that would fire: what others fire is a command more."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import uvloop

from benchmarks import main_job
from benchmarks.machine import facts, load
from bridge.read import last_message
from config.streams import RULES
from local.stack import Endpoints, Stack
from ops.client import CommandMessage, PersonClient

TRIGGERS = {
    "person.created": {"name": {"given_names": ["A"]}, "source": "bench", "onboarding": False},
    "person.component_updated": {
        "component_id": "0190c8a2-7b1e-7c3d-9a4f-00000000000c",
        "component_type": "Skill",
        "verification_reset": False,
        "changes": {},
    },
    "person.name_updated": {"new_name": {"given_names": ["A"]}},
    "person.activity_recorded": {"kind": "git_commit"},
    "person.suspended": {"reason": "bench"},
}
"""Types of events of the load, each with the data of an example."""
BRANCHES = (
    "event.actor == 'user:nobody' && summary.status == 'Active'",
    "summary.component_count > {number} + 1000",
    "summary.component_types.exists(one, one == 'Nothing {number}')",
    "event.correlationid.startsWith('never {number}') && summary.display_name.contains('x')",
    "size(summary.current_organization_ids) > 3 && facts.granted.size() > 0",
)
"""Conditions that no event of the load meets."""
IN_FORCE_S = 10.0


def document(number: int, trigger: str, *, fires: bool) -> dict[str, Any]:
    """A policy of the load."""
    condition = BRANCHES[number % len(BRANCHES)].format(number=number)
    occasion = {"data": TRIGGERS[trigger]}
    known = {"status": "Draft", "component_count": 0, "component_types": [], "current_organization_ids": []}
    return {
        "policy_id": f"bench-{trigger.removeprefix('person.').replace('_', '-')}-{number}",
        "version": 1,
        "title": f"Load {number}",
        "trigger": trigger,
        "condition": "event.sequence != 999999" if fires else f"event.sequence == 1000000 || {condition}",
        "command": {"type": "person.commands.policy.flag_quality", "data": {"flag": "bench"}},
        "examples": [
            {"event": {**occasion, "sequence": 1_000_000}, "summary": known, "expect": "fires"},
            {"event": {**occasion, "sequence": 999_999}, "summary": known, "expect": "silent"},
        ],
    }


def documents(policies: int, *, every_event: bool) -> list[dict[str, Any]]:
    """The policies of the load, two of them to be in shadow."""
    triggers = list(TRIGGERS)
    if every_event:
        return [document(number, trigger, fires=False) for trigger in triggers for number in range(policies)]
    return [document(number, triggers[number % len(triggers)], fires=False) for number in range(policies)]


async def put_in_force(client: PersonClient, documents: list[dict[str, Any]], verb: str) -> None:
    """Register policies unless they are, and move them."""
    for one in documents:
        for step, data in (("register", {"document": one}), (verb, {"version": 1})):
            command = CommandMessage(f"person.commands.rules.{step}", data, target=one["policy_id"])
            outcome = await client.send(command, timeout_s=30)
            known = outcome.get("code") in ("policy_version_exists", "policy_transition")
            assert outcome["status"] == "accepted" or known, outcome


async def known_to(client: PersonClient, worker: main_job.NotingWorker) -> None:
    """Wait until the worker has every rule event."""
    last = await last_message(client.nc, RULES, ">")
    until = time.monotonic() + IN_FORCE_S
    while last is not None and _metric(worker, "person_rules_stream_sequence") < last.stream_sequence:
        assert time.monotonic() < until, "the worker does not know the rules"
        await asyncio.sleep(0.1)


async def measured(servers: Endpoints, folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Runs with and without policies in turns; medians are of the runs."""
    silent = documents(arguments.policies, every_event=arguments.every_event)
    shadow = [document(1_000 + number, "person.name_updated", fires=True) for number in range(2)]
    worker = main_job.worker(servers, folder, "bench-policies")
    await asyncio.to_thread(worker.start)
    try:
        await asyncio.to_thread(worker.await_ready)
        async with PersonClient(servers.nats_url) as client:
            runs: dict[str, list[dict[str, Any]]] = {"without": [], "with": []}
            for number, kind in itertools.product(range(arguments.runs), runs):
                await put_in_force(client, silent, "activate" if kind == "with" else "suspend")
                await put_in_force(client, shadow, "shadow" if kind == "with" else "suspend")
                await known_to(client, worker)
                one = await main_job.open_loop(client, worker, arguments.rate, arguments.seconds)
                runs[kind].append(one)
                told = f"visible p50 {one['visible']['p50']} p95 {one['visible']['p95']} ms"
                print(f"run {number + 1} {kind:<8} {told}  {one['cpu_us_per_event']} us CPU/event", flush=True)
        asked = sum(value for _, value in _samples(worker, "person_policy_verdicts_total"))
        spent = sum(value for _, value in _samples(worker, "person_policy_seconds_total"))
    finally:
        worker.ask_to_end()
        worker.await_end()
    return {"runs": runs, "answers": int(asked), "us_per_answer": round(spent / asked * 1e6, 1) if asked else None}


def _metric(worker: main_job.NotingWorker, name: str) -> float:
    return next((value for _, value in _samples(worker, name)), -1.0)


def _samples(worker: main_job.NotingWorker, name: str) -> list[tuple[str, float]]:
    with urllib.request.urlopen(f"http://127.0.0.1:{worker.port}/metrics", timeout=5) as reply:
        lines = reply.read().decode().splitlines()
    found = [line.rpartition(" ") for line in lines if line.startswith((f"{name} ", f"{name}{{"))]
    return [(labels, float(value)) for labels, _, value in found]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--policies", type=int, default=100)
    parser.add_argument("--rate", type=float, default=500.0)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--every-event", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder) / "stack") as running:
        figures = uvloop.run(measured(running.endpoints, Path(folder), arguments))
    print(json.dumps({"asked": vars(arguments), "figures": figures, "machine": facts(), "load": load()}, indent=2))


if __name__ == "__main__":
    main()
