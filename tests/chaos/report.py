"""What a run says: `chaos.json`, one line per round, and for a failing round the difference and the minimal timeline."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from tests.chaos.checks import Checks
from tests.chaos.findings import Difference, Findings, Verdict
from tests.chaos.ledger import Entry
from tests.chaos.plan import Kind
from tests.chaos.rounds import Round, Run

SHOWN = 10
COMMANDS_SHOWN = 40


def as_data(
    run: Run, checks: Checks, egress_records: int, unavailable: Mapping[Kind, str], mode: str
) -> dict[str, Any]:
    """The report of a run."""
    entries = [entry for one in run.rounds for entry in one.entries]
    statuses = Counter(entry.outcome["status"] if entry.outcome else "unknown" for entry in entries)
    heals = [one.heal_s for one in run.rounds if one.heal_s is not None]
    findings = [one.findings for one in run.rounds] + [run.last_findings]
    restarts = [restart for one in run.rounds for restart in one.restarts]
    kinds = Counter(str(fault.kind) for one in run.rounds for fault in one.plan.faults)
    return {
        "rounds": len(run.rounds),
        "seed": run.seed,
        "mode": mode,
        "clean": run.clean,
        "faults": dict(sorted(kinds.items())),
        "unavailable": {str(kind): reason for kind, reason in unavailable.items()},
        "commands": len(entries),
        "sent_again": sum(entry.attempts > 1 for entry in entries),
        "accepted": statuses["accepted"],
        "refused": statuses["refused"],
        "persons": len(checks.truth.folded),
        "events": len(checks.truth.stored),
        "egress_records": egress_records,
        "carried_again": checks.carried_again,
        **{verdict: sum(one.count(verdict) for one in findings) for verdict in get_args(Verdict)},
        "differences": {
            verdict: [
                f"{one.subject}: {one.text}" for each in findings for one in each.differences if one.verdict == verdict
            ][:SHOWN]
            for verdict in get_args(Verdict)
            if any(each.count(verdict) for each in findings)
        },
        "restarts": {
            "planned": sum(restart.planned for restart in restarts),
            "unplanned": [f"{one.worker}: code {one.code}: {one.last_words}" for one in restarts if not one.planned],
        },
        "heal_s": _spread(heals),
        "longest_wait_s": _spread([one.longest_wait_s for one in run.rounds]),
    }


def line(one: Round, number: int) -> str:
    """One line for a round that was clean or not."""
    faults = ", ".join(f"{fault.kind} {fault.victim} {fault.lasts_s:g} s" for fault in one.plan.faults)
    heal = "never well" if one.heal_s is None else f"well after {one.heal_s:.1f} s"
    verdict = "ok" if one.findings.clean else f"FAILED ({len(one.findings.differences)} differences)"
    unplanned = sum(not restart.planned for restart in one.restarts)
    ended = f", {unplanned} unplanned restarts" if unplanned else ""
    return (
        f"{number:3}  seed {one.plan.seed}  {verdict}  {len(one.entries)} commands, {heal}, longest wait "
        f"{one.longest_wait_s:.1f} s, checked in {one.check_s:.1f} s{ended}  [{faults}]"
    )


def failure(one: Round, checks: Checks) -> Iterator[str]:
    """The differences of a round, who was hit when, and the story of the commands that it is about."""
    yield f"round with seed {one.plan.seed} failed. Run it again: make chaos SEED={one.plan.seed} ROUNDS=1"
    yield "faults:"
    for happened in one.happened:
        yield f"  {happened.at_s:6.2f} s  {happened.text}"
    for restart in one.restarts:
        yield f"  {restart.worker} was started again after code {restart.code}: {restart.last_words}"
    yield from differences(one.findings)
    yield from _stories(one, checks)


def differences(findings: Findings) -> Iterator[str]:
    """The first differences."""
    yield f"differences ({len(findings.differences)}):"
    for difference in findings.differences[:SHOWN]:
        yield f"  {difference.verdict}  {difference.subject}: {difference.text}"


def _stories(one: Round, checks: Checks) -> Iterator[str]:
    subjects = [difference.subject for difference in one.findings.differences[:SHOWN]]
    concerned = [
        entry
        for entry in one.entries
        if any(subject.startswith((entry.person_id, entry.command_id)) for subject in subjects)
    ]
    yield "commands of those concerned:"
    for entry in concerned[:COMMANDS_SHOWN]:
        yield f"  {_story(entry, checks)}"


def _story(entry: Entry, checks: Checks) -> str:
    outcome = entry.outcome or {"status": "no outcome"}
    told = f"{outcome['status']} {outcome.get('code') or ''}".strip()
    events = [
        f"{one.sequence} at {one.stream_sequence}, Kafka {checks.offsets.get(one.event_id, 'nowhere')}"
        for one in checks.truth.by_command.get(entry.command_id, [])
    ]
    times = " ".join(
        f"{name} {'never' if at is None else f'{at:.2f} s'}"
        for name, at in (
            ("due", entry.due.at_s),
            ("acknowledged", entry.acknowledged_at),
            ("answered", entry.answered_at),
        )
    )
    kind = entry.due.message.type.removeprefix("person.commands.")
    return f"{entry.person_id} {kind} {entry.command_id}: {times}, {entry.attempts} sent, {told}, events {events}"


def _spread(values: list[float]) -> dict[str, float | None]:
    if not values:
        return {"p50": None, "max": None}
    return {"p50": round(statistics.median(values), 2), "max": round(max(values), 2)}


__all__ = ["Difference", "as_data", "differences", "failure", "line"]
