"""The routes that this worker carries, with the routers that need the domain, and what trims behind them."""

from __future__ import annotations

from agents.admit_command import command_router
from agents.admit_foreign import foreign_router
from agents.admit_timer import timer_router
from agents.carrying import Carrying
from agents.follow_outcomes import FollowedOutcomes
from bridge.egress_route import Installation
from bridge.ingress_route import consumer_feeding
from bridge.running import RunningRoutes
from bridge.trimming import ProcessedLog, Trimming
from config import routes, streams
from wiring.foundation import Foundation
from wiring.lane_records import LaneRecords


def running_routes(base: Foundation, records: LaneRecords) -> RunningRoutes:
    """The declared routes; none of them is carried yet."""
    settings = base.settings
    return RunningRoutes(
        base.nc,
        base.routes,
        Installation(settings.installation, settings.kafka, settings.partitions, settings.session_timeout_s),
        base.letters,
        write=base.traces.writer(records.write),
        routers={
            routes.ADMIT_COMMAND: command_router(
                base.nc, base.letters, partitions=settings.partitions, max_bytes=settings.command_max_bytes
            ),
            routes.ADMIT_TIMER: timer_router(settings.partitions),
            routes.ADMIT_FOREIGN: foreign_router(settings.partitions),
        },
    )


def carrying(base: Foundation, carried: RunningRoutes, records: LaneRecords) -> Carrying:
    """What starts and ends the routes, the trimming of commands, and the following of outcomes."""
    return Carrying(
        base.role,
        carried,
        trimming=lambda: _command_trimming(base),
        followed=lambda: _outcomes_of_serving(base, records),
    )


def _command_trimming(base: Foundation) -> Trimming:
    settings = base.settings
    return Trimming(
        base.nc,
        settings.kafka,
        ProcessedLog(
            streams.COMMANDS,
            consumer_feeding(base.routes, base.topics.commands),
            base.topics.commands,
            settings.partitions,
            settings.app_id,
            trims_stream=base.role.answers,
        ),
        keep_s=settings.commands_keep_s,
        interval_s=settings.commands_trim_interval_s,
    )


def _outcomes_of_serving(base: Foundation, records: LaneRecords) -> FollowedOutcomes:
    register = base.role.register
    serving = register.generations[register.serving]
    return FollowedOutcomes(
        base.nc,
        base.settings.kafka,
        source=serving.app_id,
        source_partitions=serving.partitions,
        generation=base.settings.generation,
        partitions=base.settings.partitions,
        write=records.write,
    )
