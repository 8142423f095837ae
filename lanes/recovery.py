"""Recovery of lane tables from their changelogs, and standby replicas. Faust says what is active and what is standby; the rows are ours.

Reasons and upstream issues: one Faust message per row (7.7k rows/s), a consumer shared with the streams, recovery that waits for a record
at the end of an empty or compacted partition (#597, #155), seeks to before the log start (#176, #373), loops on `latest` (#651), ends the
worker when a topic was made again (#158), and a record of a revoked partition applied to another table (#73). Each override is pinned by a
test on the source of faust-streaming 0.15.3.

Guarantee: the callbacks of `LaneApp.before_recovery` have run for every active changelog partition before its end is read, so what they
write is replayed; lanes start when every active table reflects its changelog up to that end. A replay that was cut off goes on
behind what RocksDB holds."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from aiokafka.errors import IllegalStateError, KafkaError, OffsetOutOfRangeError
from faust.stores.rocksdb import Store
from faust.tables.manager import TableManager
from faust.tables.recovery import RebalanceAgain, Recovery, ServiceStopped
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth, server_list
from faust.types import TP
from mode import Service

from lanes.changelog import ChangelogReader, FetchBounds
from lanes.replay import Follow, Progress, Replay
from lanes.replica import Replica

REPLAY_FETCH = FetchBounds(max_bytes=16 << 20, max_partition_bytes=4 << 20, min_bytes=1, max_wait_ms=100)
FOLLOW_FETCH = FetchBounds(max_bytes=4 << 20, max_partition_bytes=1 << 20, min_bytes=256 << 10, max_wait_ms=500)
PROGRESS_INTERVAL_S = 3.0
RETRY_S = 1.0


@dataclass(frozen=True)
class RecoverySettings:
    """How recovery may use a worker. `standby_share` is the share of its time that standby replicas may take while it serves."""

    standby_share: float = 0.3


class LaneRecovery(Recovery):
    """Faust's recovery service with whole fetches, its own consumers, and progress."""

    stats_interval = PROGRESS_INTERVAL_S

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._replay_reader = ChangelogReader(self._connection(), REPLAY_FETCH)
        self._follow_reader = ChangelogReader(self._connection(), FOLLOW_FETCH)
        self._replay: Replay | None = None
        self._follow: Follow | None = None
        self._recovered = Progress(0, 0, 0.0, 0.0)
        self.recoveries = 0
        """Recoveries that have ended since the start of the worker."""
        self.recovering_seconds = 0.0
        """What they took together."""
        self._running: asyncio.Task[None] | None = None

    def status(self) -> dict[str, Any]:
        """How far recovery is, and how far each standby replica is behind; rows are counted in offsets."""
        progress = self._replay.progress if self._replay is not None else self._recovered
        left = progress.seconds_left
        running = {
            "running": self.in_recovery,
            "rows_done": progress.rows_done,
            "rows_to_go": progress.rows_to_go,
            "rows_per_second": round(progress.rows_per_second),
            "seconds": round(progress.seconds, 1),
            "seconds_left": None if left is None else round(left, 1),
            "partitions": [] if self._replay is None else [_lag(replica) for replica in self._replay.replicas],
        }
        standbys = [] if self._follow is None else [_lag(replica) for replica in self._follow.replicas.values()]
        return {"recovery": running, "standbys": standbys}

    async def pause(self) -> None:
        """Stop replaying and following; returns when no database is written any more."""
        task = self._running
        while task is not None and not task.done():
            # Again, because a client may have taken a cancellation for the end of its own wait.
            task.cancel()
            await asyncio.wait({task}, timeout=1.0)
        self._replay = self._follow = None

    async def on_stop(self) -> None:
        """Stop, and disconnect from the changelogs."""
        await self.pause()
        await super().on_stop()
        await self._replay_reader.stop()
        await self._follow_reader.stop()

    @Service.task  # type: ignore[untyped-decorator]  # mode does not say its type
    async def _restart_recovery(self) -> None:
        while not await self.wait_for_stopped(self.signal_recovery_start):
            self.signal_recovery_start.clear()
            generation = self._generation_id
            try:
                if not self.tables:
                    await self._resume_streams(generation_id=generation)
                    continue
                await self.pause()
                self._set_recovery_started()
                await self._wait(self._run(self._recover()))
                await self._wait(self.on_recovery_completed(generation))
                if self.app.consumer_generation_id == generation:
                    # A later generation has paused recovery already, and begins it again.
                    self._start_following()
            except (RebalanceAgain, IllegalStateError):
                continue
            except ServiceStopped:
                break

    @Service.task  # type: ignore[untyped-decorator]  # mode does not say its type
    async def _slurp_changelogs(self) -> None:
        """No record of a changelog comes through Faust's queue."""

    @Service.task  # type: ignore[untyped-decorator]  # mode does not say its type
    async def _publish_stats(self) -> None:
        async for _ in self.itertimer(self.stats_interval, name="recovery progress"):
            if self._replay is not None:
                self._log_progress(self._replay.progress)

    async def _recover(self) -> None:
        if self.recovery_delay:
            await asyncio.sleep(self.recovery_delay)
        actives = frozenset(self.active_tps)
        for callback in self.app.before_recovery:
            await callback(actives)
        while True:
            try:
                self._replay = await self._open_actives(actives)
                await self._replay.run()
                break
            except OffsetOutOfRangeError:
                self.log.warning("a changelog was cut while it was replayed; recovery opens its tables again")
            except KafkaError as error:
                self.log.warning("recovery tries again in %.0f s: %s", RETRY_S, type(error).__name__)
                await asyncio.sleep(RETRY_S)
        done = self._recovered = self._replay.progress
        self._replay = None
        self.recoveries += 1
        self.recovering_seconds += done.seconds
        self.log.info("recovered %s table partitions: %s rows in %.1f s", len(actives), done.rows_done, done.seconds)

    async def _open_actives(self, partitions: frozenset[TP]) -> Replay:
        await self._replay_reader.start()
        replay = Replay(self._replay_reader, await self._open(self._replay_reader, partitions))
        self.log.info("recovering %s table partitions: about %s rows", len(partitions), replay.progress.rows_to_go)
        return replay

    def _start_following(self) -> None:
        if self.standby_tps:
            self._running = self.add_future(self._follow_standbys(frozenset(self.standby_tps)))

    async def _follow_standbys(self, partitions: frozenset[TP]) -> None:
        while True:
            try:
                await self._follow_reader.start()
                replicas = await self._open(self._follow_reader, partitions)
                self._follow = Follow(self._follow_reader, replicas, share=self.app.recovery_settings.standby_share)
                await self._follow.run(self._standbys_level)
            except OffsetOutOfRangeError:
                self.log.warning("a changelog was cut while it was followed; its standby replica is opened again")
            except KafkaError as error:
                self.log.warning("standby replicas go on in %.0f s: %s", RETRY_S, type(error).__name__)
                await asyncio.sleep(RETRY_S)

    def _standbys_level(self) -> None:
        self.log.info("%s standby replicas are level with their changelogs", len(self.standby_tps))
        self.tables.on_standbys_ready()

    async def _open(self, reader: ChangelogReader, partitions: Iterable[TP]) -> list[Replica]:
        replicas = []
        for tp, (earliest, end) in sorted((await reader.bounds(partitions)).items()):
            table = self.tp_to_table[tp]
            replica = Replica(table.name, table.data, tp)
            replica.open(earliest, end)
            replicas.append(replica)
            await asyncio.sleep(0)
        return replicas

    async def _run(self, recovering: Coroutine[Any, Any, None]) -> None:
        """Run until done; a rebalance that stops it by `pause` signals the next recovery."""
        task = self._running = asyncio.get_running_loop().create_task(recovering)
        try:
            await asyncio.wait({task})
            if task.cancelled():
                raise RebalanceAgain()
            task.result()
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task

    def _log_progress(self, progress: Progress) -> None:
        left = progress.seconds_left
        self.log.info(
            "recovering: %s rows done, about %s to go, %.0f rows/s, %s",
            progress.rows_done,
            progress.rows_to_go,
            progress.rows_per_second,
            "no estimate yet" if left is None else f"about {left:.0f} s left",
        )

    def _connection(self) -> dict[str, Any]:
        conf, transport = self.app.conf, self.app.transport
        return {
            "bootstrap_servers": server_list(transport.url, transport.default_port),
            "client_id": f"{conf.id}-changelogs",
            "request_timeout_ms": int(conf.broker_request_timeout * 1000),
            "metadata_max_age_ms": conf.consumer_metadata_max_age_ms,
            **credentials_to_aiokafka_auth(conf.broker_credentials, conf.ssl_context),
        }


def _lag(replica: Replica) -> dict[str, Any]:
    return {"table": replica.table, "partition": replica.tp.partition, "rows_to_go": replica.rows_to_go}


class LaneTables(TableManager):
    """Faust's tables with the recovery of lanes."""

    _recovery: LaneRecovery | None = None

    @property
    def recovery(self) -> LaneRecovery:
        """The recovery service of the worker."""
        if self._recovery is None:
            self._recovery = LaneRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery

    async def on_start(self) -> None:
        """Subscribe the changelogs and start recovery, without the second that Faust waits before."""
        for table in self.values():
            if not isinstance(table.data, Store) or not table.data.use_rocksdict:
                raise TypeError(f"table {table.name}: lanes recover tables whose store is RocksDB by rocksdict")
        await self._update_channels()
        await self.recovery.start()

    async def on_rebalance(self, *args: Any, **kwargs: Any) -> None:
        """Take the new assignment after the old one's databases are left alone."""
        await self.recovery.pause()
        await super().on_rebalance(*args, **kwargs)
