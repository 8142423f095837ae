"""This system's lanes: one agent that writes the row of each entity to one table, or the same row to several tables."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.engines.meter import Meter
from benchmarks.fold import fold_batch
from benchmarks.workload import DUE_HEADER, due_of
from config.settings import Settings
from lanes.agent import Batch, LaneAgent, register
from lanes.app import LaneApp
from lanes.fenced_producer import FencedProducer
from lanes.producer import DurableProducer
from lanes.runtime import LaneSettings
from lanes.table import LaneTable, raw_schema
from lanes.table_memory import TableMemory

METER = Meter()
DEFAULTS = Settings()


class StoreRows(LaneAgent):
    """Folds each event and stages the row in every table."""

    name = "store_rows"

    def __init__(self, tables: tuple[LaneTable, ...]) -> None:
        self.tables = tables

    async def process(self, batch: Batch) -> None:
        """Fold the events of the cycle once."""
        METER.begin()
        views = [batch.view(table) for table in self.tables]
        rows = fold_batch(((record.key, record.value) for record in batch.records), views[0].get)
        for view in views:
            for key, row in rows:
                view.put(key, row)

    async def committed(self, batch: Batch) -> None:
        """The rows are in the changelogs and readable."""
        METER.done(len(batch.records), _dues(batch) if METER.open_loop else ())


def _dues(batch: Batch) -> list[int]:
    return [due_of(due) for record in batch.records if (due := _header(record.headers)) is not None]


def _header(headers: Mapping[str, bytes]) -> bytes | None:
    return headers.get(DUE_HEADER)


def build() -> LaneApp:
    """The application, with the settings that the worker of this system has by default."""
    app = LaneApp(
        METER.run_id,
        broker=f"kafka://{METER.kafka}",
        store="rocksdb://",
        datadir=str(METER.folder / "data"),
        topic_partitions=METER.partitions,
        topic_disable_leader=True,
        table_standby_replicas=0,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=4 << 20,
        broker_commit_interval=DEFAULTS.commit_interval_s,
        broker_commit_every=10**9,
        broker_max_poll_records=5000,
        web_enabled=False,
        lane_settings=LaneSettings(fetch_max_wait_ms=DEFAULTS.fetch_max_wait_ms, fetch_min_bytes=1),
        producer=FencedProducer(
            METER.kafka, name=METER.run_id, client_id=f"{METER.run_id}-lanes", max_batch_bytes=1 << 20
        ),
        writer=DurableProducer(METER.kafka, client_id=f"{METER.run_id}-writer", max_batch_bytes=1 << 20),
    )
    memory = TableMemory(256 << 20, write_buffer_bytes=8 << 20, open_files=64)
    memory = TableMemory(
        DEFAULTS.table_memory_bytes,
        write_buffer_bytes=DEFAULTS.write_buffer_bytes,
        open_files=DEFAULTS.table_open_files,
    )
    tables = tuple(
        LaneTable(app, f"rows{number}", partitions=METER.partitions, memory=memory)
        for number in range(METER.settings["tables"])
    )
    agent = StoreRows(tables)
    app.lanes.declare(METER.topic, [agent], max_batch=METER.settings["max_batch"])
    register(app, app.topic(METER.topic, schema=raw_schema(), partitions=METER.partitions, internal=True), agent)
    return app


app = build()
