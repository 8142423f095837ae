"""Sends import plans as commands, with bounded concurrency, and reports what became of each person.

Guarantee: the commands of one person are sent in order. A person that is held already is asked for first, and only what
differs from the source is sent, so importing twice changes nothing. The comparison sees every event stored before it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, Final

from bridge.jetstream import JetStreamError, api
from bridge.read import last_message
from config.streams import EVENTS
from connections.nats_servers import NatsServers
from domain.subjects import parse_event_subject, person_filter
from ops.client import ClientError, CommandMessage, PersonClient, QueryFailed
from ops.importing.differences import of_held, of_new
from ops.importing.plan import PlannedCommand, PlannedPerson, Rejected
from ops.importing.progress import progress
from ops.importing.report import ImportReport, RefusedCommand

CONCURRENT_PERSONS = 256
OUTCOME_TIMEOUT_S = 60.0
_ASK_EVERY_S: Final = 15.0
"""With hundreds of persons under way an outcome takes its time; asking for each would slow all of them down."""
_QUERY_TIMEOUT_MS: Final = 10_000
_DONE_ALREADY: Final = frozenset({"component_exists", "no_change"})
"""Refusals of a difference that say: somebody else was faster, or removed the component since."""


async def send_plan(
    kind: str,
    plan: list[PlannedPerson | Rejected],
    *,
    nats: NatsServers | str,
    dry_run: bool = False,
    show_progress: bool = False,
) -> ImportReport:
    """Send a plan of a source (`git`, `vcard`, `csv`, `scim`); raises ClientError or BridgeError."""
    people = [entry for entry in plan if isinstance(entry, PlannedPerson)]
    report = ImportReport(
        persons=len(people), left_out=[entry for entry in plan if isinstance(entry, Rejected)], dry_run=dry_run
    )
    if dry_run or not people:
        report.commands = sum(len(person.commands) for person in people)
        return report
    async with PersonClient(nats) as client:
        importer = _Importer(client, kind, report, await _last_sequence(client))
        with progress(len(people), show_progress) as advance:
            queue = iter(people)
            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(min(CONCURRENT_PERSONS, len(people))):
                        group.create_task(importer.work_off(queue, advance))
            except ExceptionGroup as failed:
                raise failed.exceptions[0] from None  # one lost connection fails many at once
    return report


class _Importer:
    def __init__(self, client: PersonClient, kind: str, report: ImportReport, before: int) -> None:
        self._client = client
        self._kind = kind
        self._report = report
        self._before = before

    async def work_off(self, queue: Iterator[PlannedPerson], advance: Callable[[], None]) -> None:
        for person in queue:
            await self._bring(person)
            advance()

    async def _bring(self, person: PlannedPerson) -> None:
        create = person.commands[0]
        [outcome] = await self._send([create])
        known = outcome["status"] == "accepted" or outcome["code"] == "person_exists"
        if not known:
            self._report.refused.append(RefusedCommand.of(person, create, outcome))
            return
        self._report.person_ids.append(create.person_id)
        if self._is_new(outcome):
            self._report.created += 1
            self._report.events += len(outcome["events"])
            await self._follow(person, of_new(person))
        else:
            await self._amend(person)

    async def _amend(self, person: PlannedPerson) -> None:
        person_id = person.commands[0].person_id
        request: dict[str, Any] = {"person_id": person_id, "include": ["components"]}
        # The tables may be behind the log; a difference against an older state would be lost.
        newest = await last_message(self._client.nc, EVENTS, person_filter(person_id))
        if newest is not None:
            partition = parse_event_subject(newest.subject).partition
            request["min_position"] = {"partition": partition, "stream_sequence": newest.stream_sequence}
        try:
            held = (await self._client.query("get_by_id", request, timeout_ms=_QUERY_TIMEOUT_MS))["data"]
        except QueryFailed as failed:
            self._refuse(person, failed.code, failed.reason)
            return
        if held["person_id"] != person_id or held["redirect_to"] is not None:
            self._refuse(person, "merged_away", "the person was merged into another")
            return
        events = await self._follow(person, of_held(person, held), passing=_DONE_ALREADY)
        if events:
            self._report.changed += 1
        else:
            self._report.unchanged += 1

    async def _follow(
        self, person: PlannedPerson, commands: tuple[PlannedCommand, ...], *, passing: frozenset[str] = frozenset()
    ) -> int:
        """Send what belongs to a person that exists; returns the number of new events."""
        events = 0
        for command, outcome in zip(commands, await self._send(commands), strict=True):
            if outcome["status"] != "accepted":
                if outcome["code"] not in passing:
                    self._report.refused.append(RefusedCommand.of(person, command, outcome))
            elif self._is_new(outcome):
                events += len(outcome["events"])
        self._report.events += events
        return events

    async def _send(self, commands: list[PlannedCommand] | tuple[PlannedCommand, ...]) -> list[dict[str, Any]]:
        published = [await self._client.publish(_message(self._kind, command)) for command in commands]
        self._report.commands += len(published)
        return [
            await self._client.outcome(command_id, awaited, timeout_s=OUTCOME_TIMEOUT_S, ask_every_s=_ASK_EVERY_S)
            for command_id, awaited in published
        ]

    def _is_new(self, outcome: dict[str, Any]) -> bool:
        return outcome["position"] is not None and outcome["position"]["stream_sequence"] > self._before

    def _refuse(self, person: PlannedPerson, code: str, reason: str) -> None:
        outcome = {"code": code, "reason": reason}
        self._report.refused.append(RefusedCommand.of(person, person.commands[0], outcome))


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
