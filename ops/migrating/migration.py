"""A whole migration: plan, copy, compare."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from bridge.append import MAX_BATCH
from bridge.connection import connected
from connections.nats_servers import NatsServers
from ops.migrating.comparing import compare, events_to_read
from ops.migrating.copying import copy_events
from ops.migrating.planning import plan_migration
from ops.migrating.progress import Advance, phase
from ops.migrating.report import Report
from ops.migrating.source import open_source
from ops.migrating.target import Target


async def migrate(
    nats: NatsServers | str,
    source_name: str,
    *,
    dry_run: bool = False,
    skip_refused: bool = False,
    per_batch: int = MAX_BATCH,
    show_progress: bool = False,
) -> Report:
    """Migrate a stream or file into the event stream; nothing is written in a dry run, or if something is refused and not to be skipped.

    Raises MigrationSourceError, MigrationStoppedError, or BridgeError, NatsError and TimeoutError when a server fails.
    """
    report = Report(source_name, dry_run)

    @contextmanager
    def timed(name: str, total: int) -> Iterator[Advance]:
        began = time.monotonic()
        with phase(name, total, shown=show_progress) as advance:
            yield advance
        report.seconds[name] = round(time.monotonic() - began, 3)

    async with connected(nats, name="person-migrate") as nc:
        source = await open_source(nc, source_name)
        target = await Target.open(nc)
        with timed("plan", source.records) as advance:
            plan = await plan_migration(source, target, report, advance)
        if dry_run or (report.refused and not skip_refused):
            return report
        with timed("copy", plan.events) as advance:
            await copy_events(source, target, plan, report, advance, per_batch=per_batch)
        with timed("compare", events_to_read(source, plan)) as advance:
            await compare(target, source, plan, report, advance)
        return report
