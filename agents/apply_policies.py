"""Agent apply_policies: live events of persons to commands of policies, to decisions in PERSON_DECISIONS, and to table `policies`.

Guarantee: a policy is asked once about each live event of its trigger, on the person as it was right after that event, in the order of
policy ids. What it decides is counted, and its messages are kept, in the group commit of the event; they are sent behind it until the
servers have acknowledged each, under ids that are derived from policy and event. A policy that fails is counted and stops nobody.
Replays, imported and migrated events cause nothing. Only silent verdicts of the last tenth of a second may be missing after a kill."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from nats.aio.client import Client

from agents.containment import is_transient
from agents.fold_persons import FoldedPerson, FoldPersons, folded_persons
from agents.folding import folded
from agents.live_position import LivePositions
from agents.policy_counters import PolicyCounters
from agents.portraits import portraits
from agents.publishing import AT_ONCE, publish_event
from agents.quarantine import effects_above, redrive_of
from agents.reading import Arrival, EventLog, marked
from agents.rule_book import InForce, RuleBook
from domain.events import Became, Event
from domain.origin import tells_of_the_past
from domain.person import Person
from domain.policies.checked import CheckedPolicy
from domain.policies.evaluation import Judgement, judge
from domain.policies.occasion import Occasion
from domain.policies.rule_events import decided, rule_event_subject, write_rule_event
from domain.times import format_instant
from domain.views.portrait import Portrait
from lanes.agent import Batch, LaneAgent
from lanes.failure import stack_of
from lanes.table import TableView
from tables import policies
from tables.persons import PersonRow
from tables.policies import Message, Outgoing, PoliciesTable, Progress
from tables.quarantine import QuarantineTable

logger = logging.getLogger(__name__)

DEFECT: Final = Judgement("indeterminate", "defect")
"""The answer of a policy that has raised an error."""

SILENCE_S = 0.1
"""So long silent verdicts may wait to be written: a table more is what a small cycle costs, and nobody misses them."""

TURN_S = 0.005
"""So long a cycle asks policies before it lets others run."""


class LiveEvent(NamedTuple):
    """An event that policies are asked about, and the person right after it."""

    arrival: Arrival
    person: Person
    late: bool
    """It did not come in the order of the stream, so progress says nothing about it."""


@dataclass
class PartitionProgress:
    """What this worker knows of a partition: the progress of committed cycles, and what is to be removed from the outbox."""

    reached: Progress
    sent: list[bytes] = field(default_factory=list)
    unsent: list[Outgoing] = field(default_factory=list)
    """Left by an earlier owner."""
    staged_at: float = 0.0
    """When progress was written last; seconds of the monotonic clock."""


@dataclass
class Cycle:
    """What one cycle decides."""

    view: TableView
    known: PartitionProgress
    floor: int
    progress: Progress
    rows: dict[str, policies.PolicyRow] = field(default_factory=dict)
    outgoing: list[Outgoing] = field(default_factory=list)
    removed: list[bytes] = field(default_factory=list)


class ApplyPolicies(LaneAgent):
    """Asks the policies that are in force, and sends what they decide."""

    name = "apply_policies"

    def __init__(
        self,
        table: PoliciesTable,
        book: RuleBook,
        live: LivePositions,
        log: EventLog,
        quarantine: QuarantineTable,
        nc: Client,
        counters: PolicyCounters,
    ) -> None:
        self.tables = (table.table,)
        self._table = table
        self._book = book
        self._live = live
        self._log = log
        self._quarantine = quarantine
        self._nc = nc
        self._counters = counters
        self._known: dict[int, PartitionProgress] = {}

    async def process(self, batch: Batch) -> None:
        """Ask about each live event of the cycle; stage counters, decisions and messages."""
        known = self._known.get(batch.partition) or await self._load(batch)
        candidates = self._candidates(batch)
        if not candidates and not known.sent and not known.unsent:
            return
        view = batch.view(self._table.table)
        floor = await self._live.floor(batch.partition)
        progress = Progress(known.reached.stream_sequence, dict(known.reached.silent))
        cycle = batch.once(_CYCLE, lambda: Cycle(view, known, floor, progress))
        began = time.perf_counter()
        for live in await self._live_events(batch, cycle, candidates):
            self._ask(cycle, live, portraits(batch))
            if time.perf_counter() - began > TURN_S:
                # Many policies and many events must not keep readers and other lanes waiting until the end.
                await asyncio.sleep(0)
                began = time.perf_counter()
        self._stage(cycle)

    async def committed(self, batch: Batch) -> None:
        """Send what was decided, many at once, and wait until the servers have it."""
        cycle: Cycle | None = batch.once(_CYCLE, _none)
        if cycle is None:
            return
        known = cycle.known
        outgoing = [*known.unsent, *cycle.outgoing]
        messages = [message for one in outgoing for message in one.messages]
        for first in range(0, len(messages), AT_ONCE):
            together = messages[first : first + AT_ONCE]
            await asyncio.gather(*(publish_event(self._nc, one.subject, one.data, one.id) for one in together))
        known.reached = cycle.progress
        known.sent = [one.key for one in outgoing]
        known.unsent = []

    def forget(self, partition: int) -> None:
        """Read progress and outbox again."""
        self._known.pop(partition, None)

    async def _load(self, batch: Batch) -> PartitionProgress:
        """What the tables hold; the outbox holds messages that may not be sent, unless the live position is behind their event."""
        partition = batch.partition
        floor = await self._live.floor(partition)
        known = PartitionProgress(policies.progress(batch.view(self._table.table)))
        for one in self._table.outbox(partition):
            if one.stream_sequence <= floor and not one.late:
                known.sent.append(one.key)
            else:
                known.unsent.append(one)
        self._known[partition] = known
        return known

    def _candidates(self, batch: Batch) -> list[FoldedPerson]:
        """Persons with an event in this cycle that a policy may have as its trigger. Every event passes here, so it is one look."""
        triggers = self._book.triggers
        if not triggers:
            return []
        found = []
        for one in folded_persons(batch).values():
            for step in one.steps:
                event = step.arrival.event
                if event is not None and (event.type in triggers or type(event.data) is Became):
                    found.append(one)
                    break
            else:
                if one.again and any(_is_asked_about(triggers, arrival) for arrival in one.again):
                    found.append(one)
        return found

    async def _live_events(self, batch: Batch, cycle: Cycle, candidates: Sequence[FoldedPerson]) -> list[LiveEvent]:
        """The events to ask about, in the order of the stream."""
        triggers = self._book.triggers
        redriven = redrive_of(batch) is not None
        evaluated = cycle.progress.stream_sequence
        found: list[LiveEvent] = []
        for one in candidates:
            person_id = one.row.person.person_id
            # Events that were parked have not been asked about, however far the live position has moved since.
            unasked = effects_above(batch, FoldPersons.name, person_id)
            for step in one.steps:
                arrival = step.arrival
                late = redriven or arrival.read_back
                behind = unasked if unasked is not None else cycle.floor if late else max(cycle.floor, evaluated)
                if arrival.stream_sequence > behind and _is_asked_about(triggers, arrival):
                    found.append(LiveEvent(arrival, step.row.person, late))
            # Nearly always these are records that came twice and were asked about when they came first.
            passed = max(cycle.floor, evaluated, self._live.reached(batch.partition)) if unasked is None else unasked
            missed = [
                arrival
                for arrival in one.again
                if arrival.stream_sequence > passed and _is_asked_about(triggers, arrival)
            ]
            if missed:
                refolded = self._refolded(batch.partition, person_id, missed, late=unasked is not None)
                found.extend([live async for live in refolded])
        found.sort(key=lambda live: live.arrival.stream_sequence)
        return found

    async def _refolded(
        self, partition: int, person_id: str, missed: Sequence[Arrival], *, late: bool
    ) -> AsyncIterator[LiveEvent]:
        """Events that the state of the person holds already: a kill has kept this table from hearing of them.

        The person as it was right after each is folded from the stream once more.
        """
        wanted = {one.stream_sequence for one in missed}
        discarded = self._quarantine.read(partition, FoldPersons.name, person_id).discarded
        row = PersonRow.new(person_id)
        try:
            async for arrival in self._log.arrivals(person_id):
                [one] = marked([arrival], discarded)
                row = folded(row, one)
                if arrival.stream_sequence in wanted and one.discarded is None:
                    yield LiveEvent(one, row.person, late)
                if arrival.stream_sequence >= max(wanted):
                    return
        except Exception as error:
            if is_transient(error):
                raise
            # fold_persons meets the same event and parks the person.
            logger.error("policies are not asked about events of a person that cannot be folded: %s", stack_of(error))

    def _ask(self, cycle: Cycle, live: LiveEvent, seen: Mapping[str, Portrait]) -> None:
        messages: list[Message] = []
        portrait = seen.get(live.person.person_id)
        person = portrait if portrait is not None and portrait.person is live.person else live.person
        for event in live.arrival.read().parts:
            rules = self._book.in_force(event.type)
            if not rules:
                continue
            occasion = Occasion.of_event(event, person)
            for rule in rules:
                messages += self._asked(cycle, rule, live, event, occasion)
        sequence = live.arrival.stream_sequence
        if messages:
            cycle.outgoing.append(policies.stage_outgoing(cycle.view, sequence, messages, late=live.late))
        if not live.late:
            cycle.progress.stream_sequence = sequence

    def _asked(
        self, cycle: Cycle, rule: InForce, live: LiveEvent, event: Event, occasion: Occasion
    ) -> Sequence[Message]:
        """Ask one policy, and count its answer; returns what is to be sent."""
        policy = rule.policy
        started = time.perf_counter()
        judgement, messages = _answer(rule, event, occasion)
        self._counters.asked(policy.policy_id, judgement, time.perf_counter() - started)
        if judgement.verdict == "silent":
            silent = cycle.progress.silent
            silent[policy.name] = silent.get(policy.name, 0) + 1
            return ()
        if judgement.verdict == "blocked_depth":
            logger.warning("policy %s is blocked on event %s: the chain of causes is too long", policy.name, event.id)
        row = cycle.rows.get(policy.name)
        if row is None:
            row = cycle.rows[policy.name] = policies.find(cycle.view, policy.name)
        if live.late or live.arrival.stream_sequence > row.stream_sequence:
            row.add(judgement.verdict, _decision(event, judgement))
        return messages

    def _stage(self, cycle: Cycle) -> None:
        view, progress = cycle.view, cycle.progress
        for key in cycle.known.sent:
            policies.remove_outgoing(view, key)
        asked = self._book.names
        for name in [name for name in progress.silent if name in cycle.rows or name not in asked]:
            # Kept apart only while it would be the one thing that changes in the row.
            row = cycle.rows.setdefault(name, policies.find(view, name))
            row.counts["silent"] = row.counts.get("silent", 0) + progress.silent.pop(name)
        for name, row in cycle.rows.items():
            row.stream_sequence = max(row.stream_sequence, progress.stream_sequence)
            policies.stage(view, name, row)
        now = time.monotonic()
        if view.staged or (progress != cycle.known.reached and now - cycle.known.staged_at >= SILENCE_S):
            policies.stage_progress(view, progress)
            cycle.known.staged_at = now


_CYCLE = "policies of this cycle"


def _none() -> Cycle | None:
    return None


def _answer(rule: InForce, event: Event, occasion: Occasion) -> tuple[Judgement, Sequence[Message]]:
    """What a policy says, and what follows. A defect is its own: it touches neither other policies nor the lane."""
    policy = rule.policy
    try:
        judgement = judge(policy, occasion, shadow=rule.shadow)
        return judgement, () if judgement.verdict == "silent" else _messages(policy, occasion, judgement)
    except Exception as error:
        logger.error("policy %s failed on event %s: %s", policy.name, event.id, stack_of(error))
    with suppress(Exception):
        return DEFECT, _messages(policy, occasion, DEFECT)
    return DEFECT, ()


def _messages(policy: CheckedPolicy, occasion: Occasion, judgement: Judgement) -> Sequence[Message]:
    record = decided(policy, occasion, judgement)
    recorded = Message(rule_event_subject("decided", policy.policy_id), record.id, write_rule_event(record))
    command = judgement.command
    if judgement.verdict != "fired" or command is None:
        return (recorded,)
    return (Message(command.type, command.id, command.body), recorded)


def _decision(event: Event, judgement: Judgement) -> dict[str, str]:
    """A decision as the row of its policy names it."""
    decision = {"event_id": event.id, "verdict": judgement.verdict, "at": format_instant(event.time)}
    if judgement.command is not None:
        decision["command_id"] = judgement.command.id
    if judgement.fault is not None:
        decision["fault"] = judgement.fault
    return decision


def _is_asked_about(triggers: Mapping[str, Sequence[InForce]], arrival: Arrival) -> bool:
    """Whether an event is the trigger of a policy and happens now."""
    event = arrival.event
    if event is None or arrival.discarded is not None:
        return False
    parts = event.parts
    is_trigger = parts[0].type in triggers if len(parts) == 1 else any(part.type in triggers for part in parts)
    return is_trigger and not tells_of_the_past(event)
