"""A lane application for the tests of recovery: one table whose changelog the test writes. Settings come from the environment as `RECOVERING`."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from faust.types import TP

from lanes import replay
from lanes.agent import Batch, LaneAgent, register
from lanes.app import LaneApp
from lanes.fenced_producer import FencedProducer
from lanes.producer import DurableProducer, OutgoingBatch, OutgoingRecord
from lanes.recovery import LaneRecovery
from lanes.replica import Replica
from lanes.runtime import LaneSettings
from lanes.table import LaneTable, raw_schema
from lanes.table_memory import TableMemory

SETTINGS = json.loads(os.environ["RECOVERING"])
APP_ID, BOOTSTRAP, DATA = SETTINGS["app_id"], SETTINGS["kafka"], Path(SETTINGS["data"])
TOPIC = f"{APP_ID}-source"


class StoreRows(LaneAgent):
    """Keeps values."""

    name = "store_rows"

    def __init__(self, table: LaneTable) -> None:
        self.tables = (table,)

    async def process(self, batch: Batch) -> None:
        view = batch.view(self.tables[0])
        for record in batch.records:
            view.put(record.key, record.value)


app = LaneApp(
    APP_ID,
    broker=f"kafka://{BOOTSTRAP}",
    store="rocksdb://",
    datadir=str(DATA),
    topic_partitions=2,
    topic_disable_leader=True,
    table_standby_replicas=0,
    broker_session_timeout=2.0,
    broker_heartbeat_interval=0.5,
    web_bind="127.0.0.1",
    lane_settings=LaneSettings(),
    producer=FencedProducer(BOOTSTRAP, name=APP_ID, client_id=APP_ID, max_batch_bytes=1 << 20),
    writer=DurableProducer(BOOTSTRAP, client_id=f"{APP_ID}-writer", max_batch_bytes=1 << 20),
)
table = LaneTable(app, "rows", partitions=2, memory=TableMemory(16 << 20, write_buffer_bytes=64 << 10, open_files=64))
agent = StoreRows(table)
app.lanes.declare(TOPIC, [agent], max_batch=100)
register(app, app.topic(TOPIC, schema=raw_schema(), partitions=2, internal=True), agent)


async def write_marker(partitions: frozenset[TP]) -> None:
    """What the fence does: one record in every active changelog, before its end is read."""
    await app.lane_writer.write(
        OutgoingBatch(tp.topic, tp.partition, [OutgoingRecord(b"marker", b"%d" % tp.partition, 0)])
        for tp in sorted(partitions)
    )


async def tell_recovered(owned: frozenset[int]) -> None:
    """Tell the test what the status page shows when lanes start, and what the group's consumer has paused."""
    paused = sorted(f"{tp.topic}-{tp.partition}" for tp in app.consumer._thread._consumer.paused())
    tell("recovered", {**app.tables.recovery.status(), "paused": paused, "owned": sorted(owned)})


def tell(name: str, what: dict[str, Any]) -> None:
    """Leave a file for the test."""
    (DATA / name).write_text(json.dumps(what))


def replay_slowly() -> None:
    """Take small steps and rest after each, so that a test can cut the replay off; show the status page meanwhile."""
    replay.RECORDS_PER_STEP = 100
    LaneRecovery.stats_interval = 0.1
    apply = Replica.apply

    async def resting(self: Replica, records: Sequence[Any]) -> None:
        await apply(self, records)
        tell("recovering", app.tables.recovery.status())
        await asyncio.sleep(0.02)

    Replica.apply = resting  # type: ignore[method-assign]  # the test slows it down


app.lanes.on_started.append(tell_recovered)
if SETTINGS.get("marker"):
    app.before_recovery.append(write_marker)
if SETTINGS.get("slow"):
    replay_slowly()
