"""The counting application of the tests as a child process, and what it leaves on disk."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition
from rocksdict import Options, Rdict

from lanes.table import OFFSET_KEY
from local.processes import ChildProcess
from local.stack import Endpoints
from ops.workers import free_port

ROOT = Path(__file__).parents[2]
Rows = dict[int, dict[bytes, bytes]]


class ToyWorker:
    """The counting application as a child process."""

    def __init__(self, app_id: str, servers: Endpoints, folder: Path) -> None:
        self.topic = f"{app_id}-words"
        self.changelog = f"{app_id}-words-changelog"
        self.data = folder / "data"
        self._bootstrap = servers.kafka_bootstrap
        self._environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(Path(__file__).parent)]),
            "TOY_ID": app_id,
            "TOY_KAFKA": servers.kafka_bootstrap,
            "TOY_DATA": str(self.data),
        }
        self._log = folder / "log"
        self._process: ChildProcess | None = None

    def start(self, **environment: str) -> None:
        self.data.mkdir()
        command = ["-m", "faust", "-A", "counting_app", "--datadir", str(self.data), "worker", "-l", "info"]
        command += ["--web-port", str(free_port())]
        environment = {**self._environment, **environment}
        self._process = ChildProcess("toy", [sys.executable, *command], log=self._log, env=environment)
        self._process.start()

    def await_committed(self, count: int, what: str) -> list[tuple[int, int]]:
        """Partition and offset of each durable record once there are `count`."""
        assert self._process is not None
        told = self.data / "committed"
        deadline = time.monotonic() + 40
        while True:
            lines = told.read_text().splitlines() if told.exists() else []
            if len(lines) >= count:
                return [(int(partition), int(offset)) for partition, offset in map(str.split, lines)]
            assert self._process.running, self._process.last_log_line
            assert time.monotonic() < deadline, f"{what}: {len(lines)} of {count}, log {self._log.read_text()[-2000:]}"
            time.sleep(0.02)

    def await_dropped(self) -> tuple[int, ...]:
        """Partition, first and last offset of the fetch that was dropped."""
        told = self.data / "dropped"
        deadline = time.monotonic() + 40
        while not told.exists() or not told.read_text().endswith("\n"):
            assert self._process is not None
            assert self._process.running, self._process.last_log_line
            assert time.monotonic() < deadline, self.log[-2000:]
            time.sleep(0.02)
        return tuple(map(int, told.read_text().split()))

    @property
    def log(self) -> str:
        return self._log.read_text()

    def await_paused(self) -> None:
        """Wait until the worker has stopped itself (state T of the process)."""
        assert self._process is not None
        state = Path(f"/proc/{self._process.pid}/stat")
        self._await("paused", lambda: state.read_text().rpartition(")")[2].split()[0] == "T")

    def resume(self) -> None:
        assert self._process is not None
        self._process.resume()

    def await_log(self, words: str, times: int = 1) -> None:
        """Wait until the worker has logged something."""
        self._await(words, lambda: self.log.count(words) >= times)

    def _await(self, what: str, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 40
        while not condition():
            assert self._process is not None
            assert self._process.running, self._process.last_log_line
            assert time.monotonic() < deadline, f"{what}: {self.log[-2000:]}"
            time.sleep(0.02)

    def stop(self) -> int | None:
        """The exit code of a worker that was started."""
        return self._process.stop() if self._process is not None else None

    def rows(self) -> Rows:
        """What RocksDB holds, bookkeeping left out."""
        found = {partition: dict(self._database(partition)) for partition in (0, 1)}
        return {
            partition: {k: v for k, v in rows.items() if not k.startswith(b"__")} for partition, rows in found.items()
        }

    def offsets(self) -> list[int]:
        """The changelog offsets that the databases say they have applied."""
        return [int(dict(self._database(partition))[OFFSET_KEY]) for partition in (0, 1)]

    def _database(self, partition: int) -> list[tuple[bytes, bytes]]:
        [path] = self.data.rglob(f"words-{partition}.db")
        database = Rdict(str(path), options=Options(raw_mode=True))
        try:
            return list(database.items())
        finally:
            database.close()

    async def committed_offsets(self) -> list[int]:
        """The offsets of the source topic that the group has committed."""
        group = self.topic.removesuffix("-words")
        consumer = AIOKafkaConsumer(bootstrap_servers=self._bootstrap, group_id=group, enable_auto_commit=False)
        await consumer.start()
        try:
            partitions = [TopicPartition(self.topic, partition) for partition in (0, 1)]
            consumer.assign(partitions)
            return [(await consumer.committed(partition)) or 0 for partition in partitions]
        finally:
            await consumer.stop()
