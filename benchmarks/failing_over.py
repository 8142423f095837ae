"""A worker with one table that can be asked what it serves. Run by `benchmarks.failover`, two at a time."""

from __future__ import annotations

import json
import os
from typing import Any

import faust
from faust.web import Request, Response, View

from lanes.agent import Batch, LaneAgent, register
from lanes.app import LaneApp
from lanes.fenced_producer import FencedProducer
from lanes.producer import DurableProducer
from lanes.recovery import RecoverySettings
from lanes.runtime import LaneSettings
from lanes.table import LaneTable, raw_schema
from lanes.table_memory import TableMemory

TABLE = "rows"
PARTITIONS = 4
PROBE = b"probe"
"""The key whose row is asked for in every partition."""


class StoreRows(LaneAgent):
    """Keeps the value of each record as the row of its key."""

    name = "store_rows"

    def __init__(self, table: LaneTable) -> None:
        self.tables = (table,)

    async def process(self, batch: Batch) -> None:
        """Stage the values."""
        view = batch.view(self.tables[0])
        for record in batch.records:
            view.put(record.key, record.value)


def build() -> faust.App:
    """The application that the task in the environment describes."""
    task = json.loads(os.environ["FAILOVER_TASK"])
    app_id, kafka, session_s = task["app_id"], task["kafka"], task["session_timeout_s"]
    app = LaneApp(
        app_id,
        broker=f"kafka://{kafka}",
        store="rocksdb://",
        datadir=task["data"],
        topic_partitions=PARTITIONS,
        topic_disable_leader=True,
        table_standby_replicas=task["standby_replicas"],
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=4 << 20,
        broker_session_timeout=session_s,
        broker_heartbeat_interval=session_s / 4,
        broker_rebalance_timeout=15.0,
        broker_request_timeout=20.0,
        broker_commit_interval=0.25,
        broker_commit_every=10**9,
        broker_max_poll_records=5000,
        web_host="127.0.0.1",
        web_bind="127.0.0.1",
        web_port=task["port"],
        lane_settings=LaneSettings(fetch_max_wait_ms=20),
        recovery_settings=RecoverySettings(standby_share=task["standby_share"]),
        producer=FencedProducer(kafka, name=app_id, client_id=app_id, max_batch_bytes=1 << 20),
        writer=DurableProducer(kafka, client_id=f"{app_id}-writer", max_batch_bytes=1 << 20),
    )
    memory = TableMemory(256 << 20, write_buffer_bytes=8 << 20, open_files=64)
    table = LaneTable(app, TABLE, partitions=PARTITIONS, memory=memory)
    agent = StoreRows(table)
    topic = f"{app_id}-source"
    app.lanes.declare(topic, [agent], max_batch=500)
    register(app, app.topic(topic, schema=raw_schema(), partitions=PARTITIONS, internal=True), agent)

    @app.page("/served")  # type: ignore[untyped-decorator]  # Faust does not say its type
    async def served(view: View, _request: Request) -> Response:
        rows: dict[str, Any] = {
            str(partition): int(table.get(partition, PROBE) or b"0") for partition in app.lanes.partitions
        }
        done = sum(lane.records_done for lane in app.lanes.lanes())
        return view.json({"probes": rows, "records": done, **app.tables.recovery.status()})

    return app


if __name__ == "__main__":
    faust.Worker(build(), loglevel="info").execute_from_commandline()
