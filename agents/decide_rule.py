"""Agent decide_rule: commands on policies to rule events in PERSON_RULES, by one conditional append each, and table `outcomes`.

Guarantee: the events of a decision are stored completely and only if the policy has not moved since; a command that comes again gets its
first outcome and no second event. Everything is decided on what the stream holds at that moment. Checking a document runs in a thread."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from nats.aio.client import Client

from agents.command_intake import CommandIntake, PendingCommand
from agents.containment import TRANSIENT
from agents.policy_counters import PolicyCounters
from agents.reading import dead_letter
from agents.rule_log import append_rule_events, read_rule_log
from bridge.dead_letters import DeadLetters
from domain.decide import AlreadyRecorded
from domain.outcomes import Outcome, RecordedEvent
from domain.policies.rule_events import RuleEvent
from domain.policies.rule_state import decide_rule
from domain.process_commands import ProcessCommand, read_process_command
from domain.refusals import Refused
from lanes.agent import Batch, LaneAgent
from lanes.failure import stack_of
from lanes.ownership import Ownership
from tables.outcomes import OutcomesTable

logger = logging.getLogger(__name__)

MAX_ATTEMPTS: Final = 4
"""A decision and three more after a lost append race (domain.md 5.4)."""


class DecideRule(LaneAgent):
    """Decides commands on policies one after the other; they are rare."""

    name = "decide_rule"

    def __init__(
        self,
        table: OutcomesTable,
        nc: Client,
        letters: DeadLetters,
        ownership: Ownership,
        counters: PolicyCounters,
    ) -> None:
        self.tables = (table.table,)
        self._nc = nc
        self._letters = letters
        self._ownership = ownership
        self._table = table.table
        self._intake: CommandIntake[PendingCommand[ProcessCommand], ProcessCommand] = CommandIntake(
            self.name, "rule", read_process_command, PendingCommand, table, nc, letters, counters
        )

    async def process(self, batch: Batch) -> None:
        """Decide the commands of the cycle that are for policies, append their events, stage their outcomes."""
        intake = await self._intake.take(batch)
        for one in intake.pending.values():
            if one.command is not None:
                one.outcome = await self._outcome(batch.partition, one, one.command)
        await self._intake.keep(batch, intake)

    async def committed(self, batch: Batch) -> None:
        """Publish the outcomes."""
        await self._intake.announce(batch)

    async def _outcome(
        self, partition: int, pending: PendingCommand[ProcessCommand], command: ProcessCommand
    ) -> Outcome:
        try:
            return await self._decide(partition, command)
        except TRANSIENT:
            raise
        except Exception as error:
            # A defect: this command fails, the others go on.
            logger.error("a command on policy %s could not be decided: %s", command.target, stack_of(error))
            await dead_letter(self._letters, self.name, pending.record, "handler_failed", type(error).__name__)
            return Outcome.failed("internal_error", command_id=command.id, target=command.target)

    async def _decide(self, partition: int, command: ProcessCommand) -> Outcome:
        for _ in range(MAX_ATTEMPTS):
            log = await read_rule_log(self._nc, command.target)
            # Who was replaced meanwhile may read what its successor has stored, and must not decide on that once more.
            await self._ownership.prove(self._table.changelog_topic, partition)
            try:
                events = await asyncio.to_thread(decide_rule, command, log.state)
            except Refused as refused:
                return Outcome.refused(
                    refused, command_id=command.id, target=command.target, version=log.state.sequence
                )
            except AlreadyRecorded:
                events = tuple(log.of_command(command.id))
            else:
                if not await append_rule_events(self._nc, log, events):
                    continue
            recorded = [_recorded(event) for event in events]
            return Outcome.accepted(command.id, None, recorded[-1].sequence, recorded, target=command.target)
        return Outcome.failed("conflict", command_id=command.id, target=command.target)


def _recorded(event: RuleEvent) -> RecordedEvent:
    assert event.sequence is not None, "only decisions have none"
    return RecordedEvent(id=event.id, type=event.type, sequence=event.sequence)
