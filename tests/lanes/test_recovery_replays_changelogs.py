"""A worker that recovers: it goes on behind what its databases hold, ends where the changelogs end, and says how far it is."""

from __future__ import annotations

import itertools
import json
import os
import re
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from rocksdict import Options, Rdict

from bridge.topics import ensure_topics
from config.topics import Topic
from lanes.app import LaneApp
from lanes.fenced_producer import FencedProducer
from lanes.producer import DurableProducer, OutgoingBatch, OutgoingRecord
from lanes.runtime import LaneSettings
from lanes.table import OFFSET_KEY
from local.processes import ChildProcess
from local.stack import Endpoints
from ops.workers import free_port

ROOT = Path(__file__).parents[2]


class RecoveringWorker:
    """The application of `recovering_app` as a child process."""

    def __init__(self, app_id: str, servers: Endpoints, folder: Path) -> None:
        self.changelog = f"{app_id}-rows-changelog"
        self.data = folder / "data"
        self.data.mkdir(parents=True)
        self._settings = {"app_id": app_id, "kafka": servers.kafka_bootstrap, "data": str(self.data)}
        self._log = folder / "log"
        self.process: ChildProcess | None = None

    def start(self, **settings: bool) -> None:
        (self.data / "recovered").unlink(missing_ok=True)
        command = ["-m", "faust", "-A", "recovering_app", "--datadir", str(self.data), "worker", "-l", "info"]
        command += ["--web-port", str(free_port())]
        self.process = ChildProcess(
            "recovering",
            [sys.executable, *command],
            log=self._log,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(ROOT), str(Path(__file__).parent)]),
                "RECOVERING": json.dumps({**self._settings, **settings}),
            },
        )
        self.process.start()

    def await_status(self, name: str, condition: Callable[[dict[str, Any]], bool] = bool) -> dict[str, Any]:
        """The status page that the worker left under a name, once it meets a condition."""
        assert self.process is not None
        deadline = time.monotonic() + 30
        told = self.data / name
        while True:
            try:
                found: dict[str, Any] = json.loads(told.read_text())
                if condition(found):
                    return found
            except (FileNotFoundError, ValueError):
                pass
            assert self.process.running, self.process.last_log_line
            assert time.monotonic() < deadline, self.log[-2000:]
            time.sleep(0.01)

    def stop(self) -> None:
        if self.process is not None:
            self.process.stop()

    @property
    def log(self) -> str:
        return self._log.read_text()

    def rows(self, partition: int) -> dict[bytes, bytes]:
        """Rows and bookkeeping in a database."""
        [path] = self.data.rglob(f"rows-{partition}.db")
        database = Rdict(str(path), options=Options(raw_mode=True))
        try:
            return dict(database.items())
        finally:
            database.close()


@pytest.fixture
async def worker(servers: Endpoints, unique: str, tmp_path: Path) -> AsyncIterator[RecoveringWorker]:
    recovering = RecoveringWorker(unique, servers, tmp_path)
    await ensure_topics(
        servers.kafka_bootstrap,
        [Topic(recovering.changelog, 2, 1, {"cleanup.policy": "compact"}), Topic(f"{unique}-source", 2, 1, {})],
    )
    yield recovering
    recovering.stop()


async def test_a_worker_killed_in_the_middle_of_a_replay_goes_on_behind_what_it_holds(
    worker: RecoveringWorker, producer: DurableProducer
) -> None:
    expected = {b"row-%d" % number: b"%0200d" % number for number in range(10_000)}
    await write(producer, worker.changelog, 0, expected.items())
    worker.start(slow=True)
    shown = worker.await_status("recovering", lambda found: found["recovery"]["rows_done"] >= 4000)["recovery"]
    assert worker.process is not None
    worker.process.kill()
    held = worker.rows(0)
    next_offset = int(held.pop(OFFSET_KEY)) + 1

    # What was shown while it replayed; markers of the fence come to the rows.
    assert shown["running"]
    assert 4000 <= shown["rows_done"] < 10_000
    assert 9_900 <= shown["rows_done"] + shown["rows_to_go"] <= 10_002, "a step is shown before it is counted"
    assert shown["rows_per_second"] > 0
    assert shown["seconds_left"] > 0
    [first, _] = shown["partitions"]
    assert (first["table"], first["partition"]) == ("rows", 0)
    assert re.search(r"recovering: \d+ rows done, about \d+ to go, \d+ rows/s, about \d+ s left", worker.log)
    # Rows and offset reach the files together: every row up to the offset, and none behind it. What was in memory only is replayed.
    assert 1000 <= next_offset < 10_000
    assert held == dict(itertools.islice(expected.items(), next_offset))

    worker.start()
    done = worker.await_status("recovered")["recovery"]
    worker.stop()

    rest = 10_000 - next_offset
    assert rest <= done["rows_done"] <= rest + 4, "the rest, and a marker of the fence per partition and start"
    rows = {key: value for key, value in worker.rows(0).items() if not key.startswith(b"__")}
    assert rows == expected


async def test_a_rebalance_in_the_middle_of_a_replay_loses_no_row(
    worker: RecoveringWorker, servers: Endpoints, unique: str, tmp_path: Path, producer: DurableProducer
) -> None:
    rows = {b"row-%d" % number: b"%d" % number for number in range(10_000)}
    for partition in (0, 1):
        await write(producer, worker.changelog, partition, rows.items())
    worker.start(slow=True)
    worker.await_status("recovering", lambda found: found["recovery"]["rows_done"] >= 500)
    assert not (worker.data / "recovered").exists()
    second = RecoveringWorker(unique, servers, tmp_path / "second")
    try:
        second.start()
        owned = {
            one: one.await_status("recovered", lambda found: len(found["owned"]) == 1)["owned"]
            for one in (second, worker)
        }
    finally:
        second.stop()
        worker.stop()

    assert sorted([*owned[worker], *owned[second]]) == [0, 1]
    assert worker.log.count("recovering 2 table partitions") >= 1
    assert "recovering 1 table partitions" in worker.log
    for one, [partition] in owned.items():
        assert {key: value for key, value in one.rows(partition).items() if not key.startswith(b"__")} == rows


async def test_what_a_callback_writes_before_recovery_is_recovered(worker: RecoveringWorker) -> None:
    worker.start(marker=True)
    found = worker.await_status("recovered")
    worker.stop()

    # Recovery read them with a consumer of its own; that of the group never fetches a changelog.
    assert found["paused"] == [f"{worker.changelog}-0", f"{worker.changelog}-1"]
    assert [worker.rows(partition)[b"marker"] for partition in (0, 1)] == [b"0", b"1"]


async def test_a_table_that_lanes_cannot_recover_is_refused_at_start(servers: Endpoints, tmp_path: Path) -> None:
    app = LaneApp(
        "refused",
        broker=f"kafka://{servers.kafka_bootstrap}",
        store="memory://",
        datadir=str(tmp_path),
        lane_settings=LaneSettings(),
        producer=FencedProducer(servers.kafka_bootstrap, name="refused", client_id="refused", max_batch_bytes=1 << 20),
        writer=DurableProducer(servers.kafka_bootstrap, client_id="refused", max_batch_bytes=1 << 20),
    )
    app.Table("words", partitions=1)

    with pytest.raises(TypeError, match="table words: lanes recover tables whose store is RocksDB by rocksdict"):
        await app.tables.on_start()


async def write(
    producer: DurableProducer, topic: str, partition: int, rows: Iterable[tuple[bytes, bytes | None]]
) -> None:
    """Write changelog records."""
    await producer.write([OutgoingBatch(topic, partition, [OutgoingRecord(key, value, 0) for key, value in rows])])
