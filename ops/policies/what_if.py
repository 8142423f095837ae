"""What a policy would have done to the events of the last days: a replay that sends nothing."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from nats.aio.client import Client

from domain.events import Event
from domain.origin import tells_of_the_past
from domain.person import Person
from domain.policies.checked import CheckedPolicy
from domain.policies.evaluation import Judgement, judge
from domain.policies.occasion import Occasion
from domain.times import format_instant
from ops.policies.replay import Unreadable, events_of_type, history, person_of

CONCURRENT_PERSONS = 16


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
    wanted: dict[str, set[int]] = {}
    async for found in events_of_type(nc, policy.trigger, since):
        if person_id in (None, person_of(found)):
            wanted.setdefault(person_of(found), set()).add(found.stream_sequence)
    slots = asyncio.Semaphore(CONCURRENT_PERSONS)

    async def ask(one: str, sequences: set[int]) -> None:
        async with slots:
            await _ask(nc, policy, one, sequences, replay)

    async with asyncio.TaskGroup() as group:
        for one, sequences in wanted.items():
            group.create_task(ask(one, sequences))
    replay.persons = len(wanted)
    replay.commands.sort(key=lambda would: would.stream_sequence)
    return replay


async def _ask(nc: Client, policy: CheckedPolicy, person_id: str, sequences: set[int], replay: Replay) -> None:
    last = max(sequences)
    try:
        async for happened in history(nc, person_id):
            if happened.stream_sequence in sequences:
                for part in happened.event.parts:
                    if part.type == policy.trigger:
                        judgement = _judgement(policy, part, happened.person, replay)
                        if judgement is not None and judgement.command is not None:
                            would = Would(happened.stream_sequence, happened.stored_at, part, judgement)
                            replay.commands.append(would)
            if happened.stream_sequence >= last:
                return
    except Unreadable:
        replay.unreadable.append(person_id)


def _judgement(policy: CheckedPolicy, event: Event, person: Person, replay: Replay) -> Judgement | None:
    replay.events += 1
    if tells_of_the_past(event):
        replay.passed_over += 1
        return None
    judgement = judge(policy, Occasion.of_event(event, person), shadow=True)
    replay.verdicts[judgement.verdict] += 1
    if judgement.fault is not None:
        replay.faults[judgement.fault] += 1
    return judgement
