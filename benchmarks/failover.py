"""Measures a failover: workers with standby replicas share a table, one gets SIGKILL, and each of its partitions counts as without
service until another worker answers for it again, and until a record that was written after the kill is visible there."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.failing_over import PARTITIONS, PROBE, TABLE
from bridge.topics import ensure_topics
from config.topics import Topic
from lanes.producer import DurableProducer, OutgoingBatch, OutgoingRecord
from local.processes import ChildProcess
from local.stack import Stack
from ops.workers import free_port

REPOSITORY = Path(__file__).parent.parent
ROWS_PER_WRITE = 1000
MAX_UNREAD = 100_000
"""Records that the filling may be ahead of the workers."""
PROBE_EVERY_S = 0.05


@dataclass
class Member:
    """One worker and where it is asked."""

    process: ChildProcess
    port: int
    data: Path


@dataclass(frozen=True)
class Load:
    """How much is in the table when the owner dies, and what may follow it."""

    rows: int
    row_bytes: int
    session_timeout_s: float = 5.0
    standby_replicas: int = 1
    standby_share: float = 0.3
    workers: int = 2


class Team:
    """Workers on one Kafka, and a client that fills and probes them."""

    def __init__(self, kafka: str, folder: Path, load: Load, say: Callable[[str], None]) -> None:
        self._kafka = kafka
        self._load = load
        self._say = say
        self._app_id = f"failover-{uuid.uuid4().hex[:8]}"
        self._source = f"{self._app_id}-source"
        self._members = [self._member(folder / str(number)) for number in range(load.workers)]
        self._producer = DurableProducer(kafka, client_id="failover", max_batch_bytes=1 << 20)
        self._probes = dict.fromkeys(range(PARTITIONS), 0)

    async def measure(self) -> dict[str, Any]:
        """Fill, wait until the standby replicas are level, kill a worker, and wait until its partitions are served again."""
        changelog = f"{self._app_id}-{TABLE}-changelog"
        await ensure_topics(
            self._kafka,
            [Topic(self._source, PARTITIONS, 1, {}), Topic(changelog, PARTITIONS, 1, {"cleanup.policy": "compact"})],
        )
        for member in self._members:
            shutil.rmtree(member.data, ignore_errors=True)
            member.data.mkdir(parents=True)
            member.process.start()
        try:
            async with aiohttp.ClientSession() as session:
                return await self._measure(session)
        finally:
            for member in self._members:
                member.process.kill()
            await self._producer.stop()

    async def _measure(self, session: aiohttp.ClientSession) -> dict[str, Any]:
        async def shared() -> bool:
            owned = [len((await _served(session, member))["probes"]) for member in self._members]
            return all(owned) and sum(owned) == PARTITIONS

        async def level() -> bool:
            pages = [await _served(session, member) for member in self._members]
            return not any(standby["rows_to_go"] for page in pages for standby in page["standbys"])

        await _until(shared, 60, "every worker owns partitions")
        fill_s = await self._fill(session)
        self._say(f"filled in {fill_s:.1f} s")
        await self._probe()
        await _until(lambda: self._all_probed(session), 60, "the last record is visible")
        began = time.monotonic()
        await _until(level, 300, "the standby replicas are level")
        self._say(f"standby replicas level {time.monotonic() - began:.1f} s later")
        lost, *heirs = self._members
        owned = set(await self._probes_of(session, [lost]))
        copied = sum(file.stat().st_size for heir in heirs for file in heir.data.rglob("*") if file.is_file())
        probing = asyncio.create_task(self._keep_probing())
        try:
            await asyncio.sleep(1)
            return {
                "rows": self._load.rows,
                "row_bytes": self._load.row_bytes,
                "table_mb": round(self._load.rows * self._load.row_bytes / 1e6),
                "mb_on_disk_of_the_others": round(copied / 1e6),
                "fill_seconds": round(fill_s, 1),
                **await self._kill(session, lost, heirs, owned),
            }
        finally:
            probing.cancel()

    async def _kill(
        self, session: aiohttp.ClientSession, lost: Member, heirs: list[Member], owned: set[int]
    ) -> dict[str, Any]:
        before = dict(self._probes)
        lost.process.kill()
        killed = time.monotonic()
        read: dict[int, float] = {}
        written: dict[int, float] = {}
        while len(written) < len(owned):
            if time.monotonic() - killed > 300:
                raise TimeoutError(f"partitions {sorted(owned - written.keys())} are not served again")
            await asyncio.sleep(0.01)
            with suppress(aiohttp.ClientError):
                probes = await self._probes_of(session, heirs)
                now = time.monotonic() - killed
                for partition in owned & probes.keys():
                    read.setdefault(partition, now)
                    if probes[partition] > before[partition]:
                        written.setdefault(partition, now)
        replays = [(await _served(session, heir))["recovery"] for heir in heirs]
        return {
            "session_timeout_s": self._load.session_timeout_s,
            "standby_replicas": self._load.standby_replicas,
            "seconds_without_reads": round(max(read.values()), 2),
            "seconds_without_effect": round(max(written.values()), 2),
            "workers": self._load.workers,
            "rows_replayed": sum(replay["rows_done"] for replay in replays),
            "replay_seconds": max(replay["seconds"] for replay in replays),
        }

    async def _fill(self, session: aiohttp.ClientSession) -> float:
        began = time.monotonic()
        values = random.Random(1)
        payload = values.randbytes(self._load.row_bytes + 4096)
        for first in range(0, self._load.rows, ROWS_PER_WRITE * PARTITIONS):
            last = min(first + ROWS_PER_WRITE * PARTITIONS, self._load.rows)
            by_partition: dict[int, list[OutgoingRecord]] = {partition: [] for partition in range(PARTITIONS)}
            for number in range(first, last):
                key = f"{number * 2654435761 % 2**32:010d}-{number}".encode()
                start = values.randrange(4096)
                value = values.randbytes(self._load.row_bytes // 2) + payload[start:]
                record = OutgoingRecord(key, value[: self._load.row_bytes - len(key)], 0)
                by_partition[number % PARTITIONS].append(record)
            await self._producer.write(
                OutgoingBatch(self._source, partition, some) for partition, some in by_partition.items() if some
            )

            async def near(last: int = last) -> bool:
                done: int = sum([(await _served(session, member))["records"] for member in self._members])
                return last - done < MAX_UNREAD

            if not first // (ROWS_PER_WRITE * PARTITIONS) % 10:
                await _until(near, 120, "the workers keep up")
        return time.monotonic() - began

    async def _all_probed(self, session: aiohttp.ClientSession) -> bool:
        return await self._probes_of(session, self._members) == self._probes

    @staticmethod
    async def _probes_of(session: aiohttp.ClientSession, members: list[Member]) -> dict[int, int]:
        """The probe rows that some workers serve, by partition."""
        pages = [await _served(session, member) for member in members]
        return {int(partition): probe for page in pages for partition, probe in page["probes"].items()}

    async def _keep_probing(self) -> None:
        while True:
            await self._probe()
            await asyncio.sleep(PROBE_EVERY_S)

    async def _probe(self) -> None:
        for partition in self._probes:
            self._probes[partition] += 1
        await self._producer.write(
            OutgoingBatch(self._source, partition, [OutgoingRecord(PROBE, b"%d" % number, 0)])
            for partition, number in self._probes.items()
        )

    def _member(self, data: Path) -> Member:
        port = free_port()
        task = {
            "app_id": self._app_id,
            "kafka": self._kafka,
            "data": str(data),
            "port": port,
            "session_timeout_s": self._load.session_timeout_s,
            "standby_replicas": self._load.standby_replicas,
            "standby_share": self._load.standby_share,
        }
        process = ChildProcess(
            f"worker {port}",
            [sys.executable, "-m", "benchmarks.failing_over"],
            log=data.with_name(f"{data.name}.log"),
            env={**os.environ, "FAILOVER_TASK": json.dumps(task)},
            cwd=REPOSITORY,
        )
        return Member(process, port, data)


def main() -> int:
    """Run one failover; exit code 1 when a partition was without service for ten seconds or more."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--row-bytes", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--standby-replicas", type=int, default=1)
    parser.add_argument("--standby-share", type=float, default=0.3)
    parser.add_argument("--session-timeout", type=float, default=5.0)
    parser.add_argument("--data", type=Path, default=Path("build/failover"))
    parser.add_argument("--report", type=Path, default=Path("build/failover.json"))
    options = parser.parse_args()
    shutil.rmtree(options.data, ignore_errors=True)
    load = Load(
        rows=options.rows,
        row_bytes=options.row_bytes,
        session_timeout_s=options.session_timeout,
        standby_replicas=options.standby_replicas,
        standby_share=options.standby_share,
        workers=options.workers,
    )
    with Stack(options.data / "stack", progress=_say) as stack:
        team = Team(stack.endpoints.kafka_bootstrap, options.data.absolute(), load, _say)
        result = asyncio.run(team.measure())
    options.report.parent.mkdir(parents=True, exist_ok=True)
    options.report.write_text(json.dumps(result, indent=2) + "\n")
    _say(json.dumps(result, indent=2))
    _say(f"written to {options.report}")
    return 0 if result["seconds_without_effect"] < 10 else 1


async def _served(session: aiohttp.ClientSession, member: Member) -> Any:
    async with session.get(f"http://127.0.0.1:{member.port}/served") as answer:
        return await answer.json()


async def _until(condition: Callable[[], Awaitable[bool]], budget_s: float, what: str) -> None:
    deadline = time.monotonic() + budget_s
    while True:
        with suppress(aiohttp.ClientError):
            if await condition():
                return
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {budget_s:.0f} s: {what}")
        await asyncio.sleep(0.05)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
