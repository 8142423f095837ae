"""A worker that recovers one table and reports how long that took: with lanes, or as stock Faust does. Run by `benchmarks.recovery`."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import faust

from lanes.agent import Batch, LaneAgent, register
from lanes.app import LaneApp
from lanes.fenced_producer import FencedProducer
from lanes.producer import DurableProducer
from lanes.runtime import LaneSettings
from lanes.table import LaneTable, raw_schema
from lanes.table_memory import TableMemory

APP_ID = "recovery-bench"
TABLE = "rows"
SOURCE = f"{APP_ID}-source"
CHANGELOG = f"{APP_ID}-{TABLE}-changelog"
PARTITIONS = 4
ROCKSDB = {
    "block_cache_size": 16 << 20,
    "write_buffer_size": 8 << 20,
    "max_write_buffer_number": 2,
    "max_open_files": 256,
}


class StoreNothing(LaneAgent):
    """Owns the table; its topic stays empty."""

    name = "store_nothing"

    def __init__(self, table: LaneTable) -> None:
        self.tables = (table,)

    async def process(self, batch: Batch) -> None:
        """No record ever comes."""


def lanes_app(kafka: str, /, **common: Any) -> faust.App:
    """The table recovered by lanes."""
    app = LaneApp(
        APP_ID,
        **common,
        lane_settings=LaneSettings(),
        producer=FencedProducer(kafka, name=APP_ID, client_id=APP_ID, max_batch_bytes=1 << 20),
        writer=DurableProducer(kafka, client_id=f"{APP_ID}-writer", max_batch_bytes=1 << 20),
    )
    table = LaneTable(
        app,
        TABLE,
        partitions=PARTITIONS,
        memory=TableMemory(
            # As much as the peer's databases have together.
            PARTITIONS * (ROCKSDB["block_cache_size"] + 2 * ROCKSDB["write_buffer_size"]),
            write_buffer_bytes=ROCKSDB["write_buffer_size"],
            open_files=ROCKSDB["max_open_files"],
        ),
    )
    agent = StoreNothing(table)
    app.lanes.declare(SOURCE, [agent], max_batch=1000)
    register(app, app.topic(SOURCE, schema=raw_schema(), partitions=PARTITIONS, internal=True), agent)
    return app


def stock_app(_kafka: str, /, **common: Any) -> faust.App:
    """The table recovered by Faust alone, with the same RocksDB settings."""
    app = faust.App(APP_ID, **common)
    table = app.Table(
        TABLE,
        key_type=bytes,
        value_type=bytes,
        schema=raw_schema(),
        partitions=PARTITIONS,
        options={"driver": "rocksdict", **ROCKSDB},
    )

    @app.agent(app.topic(SOURCE, schema=raw_schema(), partitions=PARTITIONS, internal=True))  # type: ignore[untyped-decorator]
    async def store_nothing(stream: faust.StreamT) -> None:
        async for event in stream:
            table[event] = event

    return app


def build() -> faust.App:
    """The application that the task in the environment names; it ends itself when recovery has completed."""
    task = json.loads(os.environ["RECOVERY_TASK"])
    build_app = {"lanes": lanes_app, "faust": stock_app}[task["engine"]]
    app = build_app(
        task["kafka"],
        broker=f"kafka://{task['kafka']}",
        store="rocksdb://",
        datadir=task["data"],
        topic_partitions=PARTITIONS,
        topic_disable_leader=True,
        table_standby_replicas=0,
        consumer_max_fetch_size=4 << 20,
        broker_max_poll_records=5000,
        web_enabled=False,
    )
    began = [0.0, 0.0]

    async def assigned(*_: Any, **__: Any) -> None:
        began[:] = time.perf_counter(), time.process_time()

    async def complete(*_: Any, **__: Any) -> None:
        tell()
        asyncio.get_running_loop().call_later(0.1, os.kill, os.getpid(), signal.SIGTERM)

    def tell() -> None:
        report = {"seconds": time.perf_counter() - began[0], "cpu_seconds": time.process_time() - began[1]}
        Path(task["report"]).write_text(json.dumps(report))

    app.on_partitions_assigned.connect(assigned, weak=False)
    app.on_rebalance_complete.connect(complete, weak=False)
    return app


def main() -> None:
    """Run the worker until it has recovered."""
    worker = faust.Worker(build(), loglevel="info")
    worker.execute_from_commandline()


if __name__ == "__main__":
    main()
