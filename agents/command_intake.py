"""What all agents on person.commands share: which records are theirs, what they have said before, and how outcomes are kept and told.

Guarantee: a record has exactly one agent; a command that comes again gets its first outcome and is not decided again; an outcome is told
after its row is durable, and again when the cycle comes again. What has no address is dead-lettered by the agent of persons."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from nats.aio.client import Client

from agents.adopt_outcomes import is_adopted
from agents.policy_counters import PolicyCounters
from agents.policy_outcomes import record_refusals
from agents.reading import dead_letter
from agents.replies import REPLY_TO, announce
from agents.saga_signals import signal_outcomes
from bridge import headers
from bridge.dead_letters import DeadLetters
from domain.command_address import CommandAddress, Family, command_address
from domain.command_form import CommandEnvelope, content_digest
from domain.outcomes import Outcome
from domain.refusals import Refused
from lanes.agent import Batch
from lanes.record import Record
from lanes.table import TableView
from tables import outcomes
from tables.outcomes import OutcomeRow, OutcomesTable

C = TypeVar("C", bound=CommandEnvelope)
C_co = TypeVar("C_co", bound=CommandEnvelope, covariant=True)


@dataclass
class PendingCommand(Generic[C]):
    """A command of the running cycle and what became of it: an agent gives an outcome to each that has none."""

    record: Record
    command_id: str
    digest: str
    command: C | None = None
    """None for one that is refused by its form; it has its outcome then."""
    outcome: Outcome | None = None


P = TypeVar("P", bound="PendingCommand[Any]")


class ReadCommand(Protocol[C_co]):
    """Reads a command of a family; raises Refused for everything an edge checks."""

    def __call__(self, raw: bytes, *, subject: str, stored_at: datetime) -> C_co:
        """The command in raw bytes."""


class Announcement(NamedTuple):
    """An outcome to tell: to everybody under the command id, and to the sender's inbox."""

    record: Record
    command_id: str
    """Empty for what only the sender is told, since the id stands for another command."""
    message: bytes


@dataclass
class Intake(Generic[P]):
    """The commands of a cycle that one agent decides."""

    view: TableView
    pending: dict[str, P] = field(default_factory=dict)
    """Each command once, by id, in order."""
    repeated: list[tuple[Record, str, str]] = field(default_factory=list)
    """Record, id and digest of commands whose id was used before."""


class CommandIntake(Generic[P, C]):
    """Takes the commands of some families out of a cycle, and keeps and tells their outcomes."""

    def __init__(
        self,
        agent: str,
        family: Family,
        read: ReadCommand[C],
        pending: Callable[[Record, str, str], P],
        table: OutcomesTable,
        nc: Client,
        letters: DeadLetters,
        counters: PolicyCounters,
    ) -> None:
        self._agent = agent
        self._family = family
        self._read = read
        self._pending = pending
        self._table = table
        self._nc = nc
        self._letters = letters
        self._counters = counters

    async def take(self, batch: Batch) -> Intake[P]:
        """The commands of the cycle that are this agent's. Those that their form refuses have their outcome."""
        intake: Intake[P] = Intake(batch.view(self._table.table))
        for record, address in _addressed(batch):
            if address.command_id is None or address.key is None:
                if self._family == "person":
                    await self._dead_letter(record, f"{address.field}: {address.reason}")
                continue
            if address.family != self._family:
                continue
            digest = content_digest(record.value)
            if address.command_id in intake.pending or outcomes.find(intake.view, address.command_id) is not None:
                intake.repeated.append((record, address.command_id, digest))
                continue
            one = self._pending(record, address.command_id, digest)
            try:
                one.command = self.read(record)
            except Refused as refused:
                one.outcome = Outcome.refused(refused, command_id=one.command_id)
            except headers.NotCarriedError as error:
                await self._dead_letter(record, str(error))
                continue
            intake.pending[one.command_id] = one
        return intake

    def read(self, record: Record) -> C:
        """The command in a record. Raises Refused, and NotCarriedError for a record without coordinates."""
        subject, _ = headers.source(record.headers)
        return self._read(record.value, subject=subject, stored_at=headers.stored_at(record.headers))

    async def keep(self, batch: Batch, intake: Intake[P]) -> None:
        """Stage the outcomes, and note all that are to be told once the cycle is durable."""
        announcements = self.announcements(batch)
        decided(batch).extend(intake.pending.values())
        decided_ms = int(time.time() * 1000)
        for one in intake.pending.values():
            assert one.outcome is not None
            message = one.outcome.to_bytes()
            if one.outcome.status != "failed":
                outcomes.stage(intake.view, one.command_id, OutcomeRow(one.digest, message), decided_ms)
            announcements.append(Announcement(one.record, one.command_id, message))
        for record, command_id, digest in intake.repeated:
            await self._repeat(intake.view, record, command_id, digest, announcements)

    def announcements(self, batch: Batch) -> list[Announcement]:
        """What is to be told of a cycle: outcomes of this cycle, and first outcomes of commands that came again."""
        return batch.once(f"announcements of {self._agent}", list)

    async def announce(self, batch: Batch) -> None:
        """Publish the outcomes: to everybody under the command id, to the sender's inbox, and to the saga or the records of the policy that sent it."""
        announcements = self.announcements(batch)
        for record, command_id, message in announcements:
            reply_to = record.headers.get(REPLY_TO, b"").decode(errors="replace")
            await announce(self._nc, command_id or None, reply_to, message)
        told = [(one.record, one.message) for one in announcements if one.command_id]
        await signal_outcomes(self._nc, told)
        await record_refusals(self._nc, told, self._counters)

    async def _repeat(
        self, view: TableView, record: Record, command_id: str, digest: str, announcements: list[Announcement]
    ) -> None:
        first = outcomes.find(view, command_id)
        if first is None:
            # The first decision of this cycle failed without an outcome to keep; the sender was told to send again.
            return
        if first.digest == digest:
            announcements.append(Announcement(record, command_id, first.message))
            return
        reason = "id: was used before with different content"
        await self._dead_letter(record, reason)
        refused = Refused("invalid_command", reason, field="id", rule="unique")
        # Only to this sender: under the command id stands the outcome of the first content.
        announcements.append(Announcement(record, "", Outcome.refused(refused, command_id=command_id).to_bytes()))

    async def _dead_letter(self, record: Record, reason: str) -> None:
        await dead_letter(self._letters, self._agent, record, "undecodable", reason)


def decided(batch: Batch) -> list[PendingCommand[Any]]:
    """The commands of all families that were decided in this cycle, each with its outcome."""
    return batch.once("decided commands", list)


def _addressed(batch: Batch) -> Sequence[tuple[Record, CommandAddress]]:
    return batch.once(
        "command addresses",
        lambda: [(one, command_address(one.value)) for one in batch.records if not is_adopted(one)],
    )
