"""A stock Faust application: one agent, one RocksDB table, one table write an event."""

from __future__ import annotations

import functools
from typing import Any

import faust
import orjson

from benchmarks.engines.meter import Meter
from benchmarks.fold import fold_event
from benchmarks.workload import DUE_HEADER, due_of

METER = Meter()


def raw() -> faust.Schema:
    """Keys and values as bytes: JSON is decoded in the agent, as every engine does."""
    return faust.Schema(key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")


app = faust.App(
    METER.run_id,
    broker=f"kafka://{METER.kafka}",
    store="rocksdb://",
    datadir=str(METER.folder / "data"),
    topic_partitions=METER.partitions,
    topic_disable_leader=True,
    table_standby_replicas=0,
    consumer_auto_offset_reset="earliest",
    web_enabled=False,
    **METER.settings["app"],
)
table = app.Table(
    "rows", key_type=bytes, value_type=bytes, schema=raw(), partitions=METER.partitions, options={"driver": "rocksdict"}
)
topic = app.topic(METER.topic, schema=raw(), partitions=METER.partitions)

if METER.open_loop:
    unobserved = table.send_changelog
    due_now = 0

    @functools.wraps(unobserved)
    def send_changelog(*args: Any, **kwargs: Any) -> Any:
        """As before; the event counts as done when its changelog record is acknowledged."""
        future = unobserved(*args, **kwargs)
        dues = [due_now] if due_now else []
        future.add_done_callback(lambda _: METER.done(1, dues))
        return future

    table.send_changelog = send_changelog


@app.agent(topic)  # type: ignore[untyped-decorator]  # Faust does not say its type
async def store_rows(stream: faust.StreamT) -> None:
    """Fold each event into the row of its key."""
    global due_now
    async for event in stream.events():
        METER.begin()
        if METER.open_loop:
            due = event.headers.get(DUE_HEADER)
            due_now = due_of(due) if due else 0
        stored = table.get(event.key)
        row = fold_event(None if stored is None else orjson.loads(stored), event.value)
        if row is not None:
            table[event.key] = orjson.dumps(row)
        if not METER.open_loop:
            METER.done(1)
