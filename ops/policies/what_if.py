"""What a policy would have done to the events of the last days: a replay that sends nothing."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from nats.aio.client import Client

from bridge.jetstream import api
from config.streams import EVENTS
from domain.events import Event
from domain.origin import tells_of_the_past
from domain.person import Person
from domain.policies.checked import CheckedPolicy
from domain.policies.evaluation import Judgement, judge
from domain.policies.occasion import Occasion
from domain.subjects import ALL_EVENTS
from domain.times import format_instant
from ops.policies.replay import Happened, Unreadable, after, events_of_type, history, person_of, stored_messages

CONCURRENT_PERSONS = 16
EVENTS_PER_READ = 100
"""In the time of reading one person by itself, about so many events of the stream are read one after the other."""

Wanted = dict[str, set[int]]
"""Stream sequences to ask about, by person."""


class Would(NamedTuple):
    """A command that the policy would have sent."""

    stream_sequence: int
    stored_at: datetime
    event: Event
    judgement: Judgement

    def as_data(self) -> dict[str, Any]:
        """For machines, without the payload."""
        assert self.judgement.command is not None
        sent = orjson.loads(self.judgement.command.body)
        return {
            "person_id": self.event.person_id,
            "event_id": self.event.id,
            "sequence": self.event.sequence,
            "stored_at": format_instant(self.stored_at),
            "command_id": self.judgement.command.id,
            "type": self.judgement.command.type,
            "subject": sent["subject"],
            "expectedversion": sent.get("expectedversion"),
        }

    @property
    def payload(self) -> dict[str, Any]:
        """The payload of the command, which may hold personal data."""
        assert self.judgement.command is not None
        data: dict[str, Any] = orjson.loads(self.judgement.command.body)["data"]
        data.pop("context", None)
        return data


@dataclass
class Replay:
    """The result: how often it would have been asked, and with what verdict."""

    policy: str
    events: int = 0
    persons: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    passed_over: int = 0
    """Events that were imported or migrated, about which no policy is asked."""
    unreadable: list[str] = field(default_factory=list)
    commands: list[Would] = field(default_factory=list)

    def as_data(self) -> dict[str, Any]:
        """For machines, without the commands."""
        return {
            "policy": self.policy,
            "events": self.events,
            "persons": self.persons,
            "verdicts": dict(sorted(self.verdicts.items())),
            "faults": dict(sorted(self.faults.items())),
            "passed_over": self.passed_over,
            "unreadable_persons": self.unreadable,
        }


async def what_if(nc: Client, policy: CheckedPolicy, since: datetime, person_id: str | None = None) -> Replay:
    """Ask a policy that sends about every event of its trigger that was stored since a moment, of all persons or of one."""
    replay = Replay(policy.name)
    wanted: Wanted = {}
    async for found in events_of_type(nc, policy.trigger, since):
        concerned = person_of(found)
        if concerned is not None and person_id in (None, concerned):
            wanted.setdefault(concerned, set()).add(found.stream_sequence)
    stored = int((await api(nc, f"STREAM.INFO.{EVENTS}"))["state"]["messages"])
    if len(wanted) * EVENTS_PER_READ > stored:
        await _in_one_read(nc, policy, wanted, replay)
    else:
        await _person_by_person(nc, policy, wanted, replay)
    replay.persons = len(wanted)
    replay.commands.sort(key=lambda would: would.stream_sequence)
    replay.unreadable.sort()
    return replay


async def _in_one_read(nc: Client, policy: CheckedPolicy, wanted: Wanted, replay: Replay) -> None:
    """Reads the stream once from its beginning: quicker if many persons are concerned."""
    persons = {person_id: Person.new(person_id) for person_id in wanted}
    last = max((max(sequences) for sequences in wanted.values()), default=0)
    async with aclosing(stored_messages(nc, EVENTS, ALL_EVENTS)) as messages:
        async for message in messages:
            person = persons.get(person_of(message) or "")
            if person is not None:
                try:
                    happened = after(person, message)
                except Unreadable:
                    replay.unreadable.append(person.person_id)
                    del persons[person.person_id]
                    continue
                persons[person.person_id] = happened.person
                _ask(policy, happened, wanted[person.person_id], replay)
            if message.stream_sequence >= last:
                return


async def _person_by_person(nc: Client, policy: CheckedPolicy, wanted: Wanted, replay: Replay) -> None:
    slots = asyncio.Semaphore(CONCURRENT_PERSONS)

    async def ask(person_id: str, sequences: set[int]) -> None:
        async with slots:
            try:
                async for happened in history(nc, person_id):
                    _ask(policy, happened, sequences, replay)
                    if happened.stream_sequence >= max(sequences):
                        return
            except Unreadable:
                replay.unreadable.append(person_id)

    async with asyncio.TaskGroup() as group:
        for person_id, sequences in wanted.items():
            group.create_task(ask(person_id, sequences))


def _ask(policy: CheckedPolicy, happened: Happened, sequences: set[int], replay: Replay) -> None:
    if happened.stream_sequence not in sequences:
        return
    for part in happened.event.parts:
        if part.type != policy.trigger:
            continue
        replay.events += 1
        if tells_of_the_past(happened.event):
            replay.passed_over += 1
            continue
        judgement = judge(policy, Occasion.of_event(part, happened.person), shadow=True)
        replay.verdicts[judgement.verdict] += 1
        if judgement.fault is not None:
            replay.faults[judgement.fault] += 1
        if judgement.command is not None:
            replay.commands.append(Would(happened.stream_sequence, happened.stored_at, part, judgement))
