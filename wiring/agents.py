"""The agents of a worker, topic by topic, in the order in which they run within a cycle of their lane."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from agents.adopt_outcomes import AdoptOutcomes
from agents.advance_sagas import AdvanceSagas
from agents.announce_changes import AnnounceChanges
from agents.apply_policies import ApplyPolicies
from agents.decide_person import DecidePerson
from agents.decide_rule import DecideRule
from agents.decide_saga import DecideSaga
from agents.expire_outcomes import ExpireOutcomes
from agents.feed_index import FeedIndex
from agents.feed_saga_index import FeedSagaIndex
from agents.fire_timers import FireTimers
from agents.fold_persons import FoldPersons
from agents.fold_sagas import FoldSagas
from agents.healing import HealRows, HealSagaRows
from agents.live_position import MarkLivePosition
from agents.mark_position import MarkPosition
from agents.measure_commands import MeasureCommands
from agents.measure_events import MeasureEvents
from agents.park_poison import ParkPoison
from agents.project_network import ProjectNetwork
from agents.project_search import ProjectSearch
from agents.project_skills import ProjectSkills
from agents.project_statistics import ProjectStatistics
from agents.project_summary import ProjectSummary
from agents.project_timeline import ProjectTimeline
from agents.project_views import ProjectViews
from agents.quarantine import Quarantine
from agents.request_analysis import RequestAnalysis
from agents.saga_log import SagaLog
from agents.saga_timeouts import read_timeouts
from agents.send_effects import SendEffects
from agents.sweep_inactivity import SweepInactivity
from agents.translate_agent import TranslateAgent
from agents.translate_git import TranslateGit
from agents.translate_identity import TranslateIdentity
from agents.translate_location import TranslateLocation
from agents.translate_organization import TranslateOrganization
from agents.translating import TranslateNeighbour
from agents.vetoes import Vetoes
from lanes.agent import LaneAgent
from lanes.ownership import Ownership
from queries.index.database import SOURCES
from queries.linked import LinkedPersons
from queries.models import PERSON_MODELS
from queries.service import QueryService
from queries.subscriptions.messages import FOLLOWED
from tables import persons, sagas
from wiring.foundation import Foundation
from wiring.opened_tables import OpenedTables
from wiring.shared_state import SharedState

TRANSLATORS: tuple[type[TranslateNeighbour], ...] = (
    TranslateIdentity,
    TranslateOrganization,
    TranslateLocation,
    TranslateGit,
    TranslateAgent,
)


@dataclass(frozen=True)
class Agents:
    """The agents by topic, and those of them that others have to know."""

    events: Sequence[LaneAgent]
    commands: Sequence[LaneAgent]
    sagas: Sequence[LaneAgent]
    timers: Sequence[LaneAgent]
    foreign: Sequence[LaneAgent]
    decide_person: DecidePerson
    sweep_inactivity: SweepInactivity


def agents_of(
    base: Foundation, tables: OpenedTables, shared: SharedState, queries: QueryService, ownership: Ownership
) -> Agents:
    """All agents of a worker. Raises BridgeError for time-outs of sagas that are none."""
    saga_log = SagaLog(
        base.nc,
        tables.processes.sagas,
        tables.worker.persons,
        base.log,
        tables.processes.history,
        tables.processes.positions,
        base.letters,
        timeouts=read_timeouts(base.settings.saga_timeouts),
    )
    decide_person = _decide_person(base, tables, shared, ownership)
    sweep_inactivity = SweepInactivity(tables.worker.persons, base.nc)
    return Agents(
        events=_event_agents(base, tables, shared, saga_log, decide_person),
        commands=[
            AdoptOutcomes(tables.worker.outcomes),
            decide_person,
            DecideSaga(
                tables.worker.outcomes,
                saga_log,
                tables.processes.history,
                base.nc,
                base.letters,
                shared.sagas,
                shared.policies,
            ),
            DecideRule(tables.worker.outcomes, base.nc, base.letters, ownership, shared.policies),
            ExpireOutcomes(tables.worker.outcomes, keep_s=base.settings.outcomes_keep_s),
            # Behind all that tell outcomes.
            MeasureCommands(shared.flow),
        ],
        sagas=_saga_agents(base, tables, shared, saga_log),
        timers=[
            FireTimers(saga_log, base.letters, shared.sagas),
            # Behind what sagas wait for: it may take long.
            sweep_inactivity,
        ],
        foreign=[
            translator(
                shared.sender,
                LinkedPersons(queries.asking),
                base.letters,
                shared.neighbours,
                shared.translated,
                partitions=base.settings.partitions,
            )
            for translator in TRANSLATORS
        ],
        decide_person=decide_person,
        sweep_inactivity=sweep_inactivity,
    )


def _event_agents(
    base: Foundation,
    opened: OpenedTables,
    shared: SharedState,
    saga_log: SagaLog,
    decide_person: DecidePerson,
) -> Sequence[LaneAgent]:
    tables = opened.worker
    wards = Quarantine(tables.quarantine)
    max_row_bytes = tables.max_row_bytes
    fold_persons = FoldPersons(tables.persons, base.log, base.letters, wards, max_state_bytes=max_row_bytes)
    project_timeline = ProjectTimeline(tables.timeline, base.log, wards, max_row_bytes=max_row_bytes)
    project_statistics = ProjectStatistics(tables.statistics, base.log, wards)
    remembering: Sequence[LaneAgent] = (fold_persons, project_timeline, project_statistics, decide_person)

    def healed(partition: int, keys: Mapping[str, Iterable[bytes]]) -> None:
        for agent in remembering:
            agent.forget(partition)
        opened.index.take(partition, {persons.NAME: keys[persons.NAME]}, 0)

    return [
        # Before the position moves: whoever reads at it has been told of the changes up to it.
        AnnounceChanges([PERSON_MODELS[model](tables).table for model in FOLLOWED], tables.changes),
        fold_persons,
        ProjectSummary(tables.summary, wards, max_row_bytes=max_row_bytes),
        ProjectSearch(tables.search, wards, max_row_bytes=max_row_bytes),
        ProjectSkills(tables.skills, wards, max_row_bytes=max_row_bytes),
        ProjectNetwork(tables.network, wards, max_row_bytes=max_row_bytes),
        ProjectViews(tables.views, wards, max_row_bytes=max_row_bytes),
        project_timeline,
        project_statistics,
        HealRows(
            tables.on_events(),
            tables.quarantine,
            base.log,
            tables.positions,
            max_row_bytes=max_row_bytes,
            on_healed=healed,
        ),
        FeedIndex(
            [table for table in tables.on_events() if table.name in SOURCES and table.name != persons.NAME],
            tables.persons.table,
            opened.index.take,
        ),
        # Behind all that may park somebody.
        ParkPoison(tables.quarantine, base.letters, shared.live),
        # Behind all that write rows, and all that have to know of them before readers do.
        MarkPosition(tables.on_events(), tables.positions),
        MeasureEvents(tables.positions, shared.flow),
        ApplyPolicies(
            tables.policies, shared.rules, shared.live, base.log, tables.quarantine, base.nc, shared.policies
        ),
        AdvanceSagas(saga_log, tables.persons, shared.live, shared.sagas),
        RequestAnalysis(base.nc, shared.live),
        # Behind all that cause effects.
        MarkLivePosition(shared.live),
    ]


def _decide_person(base: Foundation, opened: OpenedTables, shared: SharedState, ownership: Ownership) -> DecidePerson:
    tables = opened.worker
    return DecidePerson(
        tables.outcomes,
        tables.persons,
        base.nc,
        base.log,
        base.letters,
        tables.quarantine,
        ownership,
        remembered=base.settings.cached_persons,
        # A command may bring a row near its bound; the fold then still has room for what grows without commands.
        max_state_bytes=base.settings.changelog_max_bytes // 4,
        vetoes=Vetoes(shared.rules, shared.policies),
        counters=shared.policies,
    )


def _saga_agents(base: Foundation, opened: OpenedTables, shared: SharedState, saga_log: SagaLog) -> Sequence[LaneAgent]:
    table, index = opened.processes.sagas, opened.processes.index

    def healed(partition: int, saga_id: str) -> None:
        saga_log.forget(partition)
        index.take(partition, {sagas.NAME: [saga_id.encode()]}, 0)

    return [
        FoldSagas(table, saga_log, base.letters),
        HealSagaRows(table.table, opened.processes.history, healed),
        FeedSagaIndex(table, index.take),
        SendEffects(base.nc, shared.live_sagas, base.letters, shared.sagas),
    ]
