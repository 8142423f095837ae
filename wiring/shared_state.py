"""What several agents share beside the tables: the rule book, how far effects went, who sends commands, and the counters."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from agents.command_sender import CommandSender
from agents.flow_measures import FlowMeasures
from agents.foreign_counters import ForeignCounters
from agents.live_position import Begun, LivePositions
from agents.policy_counters import PolicyCounters
from agents.rule_book import RuleBook
from agents.saga_counts import SagaCounts
from agents.serving import Role
from agents.translated_positions import TranslatedPositions
from wiring.foundation import Foundation


@dataclass(frozen=True)
class SharedState:
    """One of each for a worker."""

    rules: RuleBook
    live: LivePositions
    live_sagas: LivePositions
    sender: CommandSender
    translated: TranslatedPositions
    sagas: SagaCounts = field(default_factory=SagaCounts)
    policies: PolicyCounters = field(default_factory=PolicyCounters)
    neighbours: ForeignCounters = field(default_factory=ForeignCounters)
    flow: FlowMeasures = field(default_factory=FlowMeasures)

    async def start(self) -> None:
        """Follow what is followed, and write what is written from time to time; the connection is open."""
        await self.rules.start()
        await self.sender.start()
        self.live.start()
        self.live_sagas.start()
        self.translated.start()

    async def stop(self) -> None:
        """Write what is left, and follow no more."""
        await asyncio.gather(self.rules.stop(), self.live.stop(), self.live_sagas.stop(), self.translated.stop())


def shared_state(base: Foundation) -> SharedState:
    """What the agents of a worker begin with."""
    nc, role = base.nc, base.role
    return SharedState(
        rules=RuleBook(nc),
        live=LivePositions(nc, begun=lambda: _begun(role)),
        live_sagas=LivePositions(nc, "sagas", begun=lambda: _begun_sagas(role)),
        sender=CommandSender(nc),
        translated=TranslatedPositions(nc),
    )


def _begun(role: Role) -> Begun:
    term = role.term
    return Begun(term.number, term.events_up_to)


def _begun_sagas(role: Role) -> Begun:
    term = role.term
    return Begun(term.number, term.sagas_up_to)
