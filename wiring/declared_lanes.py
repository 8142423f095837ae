"""Which topics the lanes run, with which agents, how many records a cycle takes at most, and who acts only while its generation serves."""

from __future__ import annotations

from agents.advance_sagas import AdvanceSagas
from agents.apply_policies import ApplyPolicies
from agents.decide_person import DecidePerson
from agents.decide_rule import DecideRule
from agents.decide_saga import DecideSaga
from agents.fire_timers import FireTimers
from agents.live_position import MarkLivePosition
from agents.request_analysis import RequestAnalysis
from agents.send_effects import SendEffects
from agents.sweep_inactivity import SweepInactivity
from agents.translating import TranslateNeighbour
from lanes.agent import LaneAgent, register
from lanes.app import LaneApp
from lanes.table import raw_schema
from wiring.agents import Agents
from wiring.foundation import Foundation

COMMANDS_PER_CYCLE = 250
"""Bounds how long the first command of a cycle waits for the last one: most emit one to three events, so a cycle fits one atomic batch."""
OF_PROCESSES_PER_CYCLE = 2000
"""Events of sagas and timers: their agents do not take turns within a cycle, as those that fold persons do."""

ACTING: tuple[type[LaneAgent], ...] = (
    AdvanceSagas,
    ApplyPolicies,
    DecidePerson,
    DecideRule,
    DecideSaga,
    FireTimers,
    MarkLivePosition,
    RequestAnalysis,
    SendEffects,
    SweepInactivity,
    TranslateNeighbour,
)
"""Agents that decide, or that bring about what others see. All others only fold, so a generation that stands by runs them too."""


def declare_lanes(app: LaneApp, base: Foundation, agents: Agents) -> None:
    """Make the agents known to the lanes and to Faust."""
    settings, topics = base.settings, base.topics
    many = settings.lane_max_batch
    of_processes = min(many, OF_PROCESSES_PER_CYCLE)
    few = min(many, COMMANDS_PER_CYCLE)
    for topic, in_order, max_batch in (
        (topics.events, agents.events, many),
        (topics.commands, agents.commands, few),
        (topics.sagas, agents.sagas, of_processes),
        (topics.timers, agents.timers, of_processes),
        (topics.foreign, agents.foreign, few),
    ):
        source = app.topic(topic, schema=raw_schema(), partitions=settings.partitions, internal=True)
        run = [base.role.while_acting(agent) if isinstance(agent, ACTING) else agent for agent in in_order]
        # JetStream holds all of them, so what lanes do may be ahead of Kafka; it is never ahead of JetStream.
        # Translators wait for decisions, and ingress should not wait with them.
        app.lanes.declare(
            topic, base.traces.agents(topic, run), max_batch=max_batch, fold_ahead=topic != topics.foreign
        )
        for agent in in_order:
            register(app, source, agent)
