"""Sends import plans as commands, with bounded concurrency, and reports what became of each person.

Guarantee: the commands of one person are sent in order; ids come from the plan, so importing twice changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bridge.jetstream import JetStreamError, api
from config.streams import EVENTS
from ops.client import ClientError, CommandMessage, PersonClient
from ops.importing.git_history import plan_git
from ops.importing.plan import PlannedCommand, PlannedPerson, Rejected
from ops.importing.vcards import plan_vcards

CONCURRENT_PERSONS = 64
OUTCOME_TIMEOUT_S = 60.0


@dataclass
class ImportReport:
    """What an import did. `refused` holds one line per refused command, `left_out` what the source could not give."""

    persons: int = 0
    created: int = 0
    unchanged: int = 0
    commands: int = 0
    events: int = 0
    person_ids: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    dry_run: bool = False

    def as_data(self) -> dict[str, Any]:
        """The report as JSON data."""
        return dict(vars(self))

    def as_text(self) -> str:
        """The report for people."""
        if self.dry_run:
            lines = [f"{self.persons} persons with {self.commands} commands would be sent"]
        else:
            lines = [
                f"{self.persons} persons: {self.created} created, {self.unchanged} were there already; "
                f"{self.commands} commands, {self.events} events"
            ]
        if self.refused:
            lines += [f"{len(self.refused)} refused:", *(f"  {line}" for line in self.refused)]
        if self.left_out:
            lines += [f"{len(self.left_out)} left out:", *(f"  {line}" for line in self.left_out)]
        return "\n".join(lines)


async def import_source(
    kind: str, path: Path, *, nats_url: str, dry_run: bool = False, show_progress: bool = False
) -> ImportReport:
    """Plan a source (`git` or `vcard`) and send it; raises ImportSourceError, ClientError or BridgeError."""
    plan = list(plan_git(path) if kind == "git" else plan_vcards(path))
    report = ImportReport(dry_run=dry_run)
    people = [entry for entry in plan if isinstance(entry, PlannedPerson)]
    report.persons = len(people)
    report.left_out = [f"{entry.source_ref}: {entry.reason}" for entry in plan if isinstance(entry, Rejected)]
    report.commands = sum(len(person.commands) for person in people)
    if dry_run or not people:
        return report
    async with PersonClient(nats_url) as client:
        before = await _last_sequence(client)
        with _progress(len(people), show_progress) as advance:
            slots = asyncio.Semaphore(CONCURRENT_PERSONS)

            async def one(person: PlannedPerson) -> None:
                async with slots:
                    await _send_person(client, kind, person, report, before)
                    advance()

            async with asyncio.TaskGroup() as group:
                for person in people:
                    group.create_task(one(person))
    return report


async def _send_person(
    client: PersonClient, kind: str, person: PlannedPerson, report: ImportReport, before: int
) -> None:
    create, *rest = person.commands
    outcome = await client.send(_message(kind, create), timeout_s=OUTCOME_TIMEOUT_S)
    _count(report, person.source_ref, create, outcome, before)
    if outcome["status"] != "accepted":
        return
    report.person_ids.append(outcome["person_id"])
    if outcome["position"]["stream_sequence"] > before:
        report.created += 1
    else:
        report.unchanged += 1
    published = [(command, await client.publish(_message(kind, command))) for command in rest]
    for command, (command_id, awaited) in published:
        outcome = await client.outcome(command_id, awaited, timeout_s=OUTCOME_TIMEOUT_S)
        _count(report, person.source_ref, command, outcome, before)


def _count(
    report: ImportReport, source_ref: str, command: PlannedCommand, outcome: dict[str, Any], before: int
) -> None:
    if outcome["status"] != "accepted":
        report.refused.append(f"{source_ref} {command.type}: {outcome['code']}: {outcome.get('reason', '')}")
    elif outcome["position"] is not None and outcome["position"]["stream_sequence"] > before:
        report.events += len(outcome["events"])


def _message(kind: str, command: PlannedCommand) -> CommandMessage:
    return CommandMessage(
        command.type,
        command.data,
        command.person_id,
        actor=f"import:{kind}",
        id=command.command_id,
        source=f"/clients/import/{kind}",
    )


async def _last_sequence(client: PersonClient) -> int:
    try:
        state = (await api(client.nc, f"STREAM.INFO.{EVENTS}"))["state"]
    except JetStreamError:
        raise ClientError("the event stream does not exist yet. Start a worker once; it creates the streams.") from None
    return int(state["last_seq"])


def _progress(total: int, shown: bool) -> AbstractContextManager[Callable[[], None]]:
    if not shown:
        return nullcontext(lambda: None)
    return _Bar(total)


class _Bar(AbstractContextManager[Callable[[], None]]):
    def __init__(self, total: int) -> None:
        columns = (TextColumn("importing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._task = self._progress.add_task("importing", total=total)

    def __enter__(self) -> Callable[[], None]:
        self._progress.start()
        return lambda: self._progress.advance(self._task)

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
