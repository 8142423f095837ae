"""A small lane application for the tests: it counts how often each key came, in one table. Settings come from the environment."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import faust
from faust.types import TP

from lanes.agent import Batch, LaneAgent, register
from lanes.app import LaneApp
from lanes.fenced_producer import FencedProducer
from lanes.producer import DurableProducer
from lanes.record import Record
from lanes.runtime import LaneSettings
from lanes.table import LaneTable
from lanes.table_memory import TableMemory

APP_ID = os.environ.get("TOY_ID", "toy")
BOOTSTRAP = os.environ.get("TOY_KAFKA", "127.0.0.1:1")
DATA = Path(os.environ.get("TOY_DATA", "build/toy"))
TOPIC = f"{APP_ID}-words"
PAUSING = DATA / "pausing"
"""A worker that finds this file stops itself in the cycle that has a record of key pause."""
WRITTEN_HERE = [b"own-%d" % number for number in range(20)]
"""Keys that the worker writes itself when TOY_OWN is set."""


class CountWords(LaneAgent):
    """Counts keys; a record without a value removes its key."""

    name = "count_words"

    def __init__(self, table: LaneTable) -> None:
        self.tables = (table,)

    async def process(self, batch: Batch) -> None:
        view = batch.view(self.tables[0])
        for record in batch.records:
            if record.key == b"pause" and PAUSING.exists():
                # As a machine does that is suspended in the middle of a cycle.
                PAUSING.unlink()
                os.kill(os.getpid(), signal.SIGSTOP)
            if record.value:
                view.put(record.key, b"%d" % (int(view.get(record.key) or b"0") + 1))
            else:
                view.delete(record.key)

    async def committed(self, batch: Batch) -> None:
        """Tell the test which records are durable."""
        with (DATA / "committed").open("a") as told:
            told.writelines(f"{batch.partition} {record.offset}\n" for record in batch.records)


app = LaneApp(
    APP_ID,
    broker=f"kafka://{BOOTSTRAP}",
    store="rocksdb://",
    datadir=str(DATA),
    topic_partitions=2,
    topic_disable_leader=True,
    table_standby_replicas=0,
    consumer_auto_offset_reset="earliest",
    broker_session_timeout=6.0,
    broker_heartbeat_interval=1.5,
    broker_commit_interval=0.1,
    broker_commit_every=10**9,
    web_bind="127.0.0.1",
    lane_settings=LaneSettings(),
    producer=FencedProducer(BOOTSTRAP, name=APP_ID, client_id=APP_ID, max_batch_bytes=1 << 20),
    writer=DurableProducer(BOOTSTRAP, client_id=f"{APP_ID}-writer", max_batch_bytes=1 << 20),
)
table = LaneTable(app, "words", partitions=2, memory=TableMemory(16 << 20, write_buffer_bytes=1 << 20, open_files=64))
agent = CountWords(table)
app.lanes.declare(TOPIC, [agent], max_batch=100)
raw = faust.Schema(key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
register(app, app.topic(TOPIC, schema=raw, partitions=2, internal=True), agent)


async def write_own(partitions: frozenset[int]) -> None:
    """As ingress does: every record reaches the lane by hand-over and by the fetch."""
    if 0 not in partitions or "TOY_OWN" not in os.environ:
        return
    for key in WRITTEN_HERE:
        await app.lanes.write(TOPIC, {0: [Record(-1, key, b"1", {}, 0)]})


def drop_a_fetch() -> None:
    """Lose the first fetch of a lane, as a fetch is lost that a rebalance overtakes."""
    deliver = app.lanes.deliver

    def dropping(tp: TP, records: Sequence[Record]) -> bool:
        dropped = DATA / "dropped"
        if records and not dropped.exists():
            dropped.write_text(f"{tp.partition} {records[0].offset} {records[-1].offset}\n")
            return False
        return deliver(tp, records)

    app.lanes.deliver = dropping  # type: ignore[method-assign]  # the test stands in for a lost fetch


def start_late() -> None:
    """Start the lanes after the consumer has fetched for them, as on a busy machine."""
    start = app.lanes.start

    async def late(*args: Any) -> None:
        await asyncio.sleep(1)
        await start(*args)

    app.lanes.start = late  # type: ignore[method-assign,assignment]  # the test stands in for a busy machine


app.lanes.on_started.append(write_own)
if "TOY_LATE" in os.environ:
    start_late()
if "TOY_HANGS" in os.environ:
    # As a client does that waits for an answer that never comes.
    app.stop_budget_s = 1.0
    app.lane_writer.stop = asyncio.Event().wait  # type: ignore[method-assign,assignment]
if "TOY_DROP" in os.environ:
    drop_a_fetch()
