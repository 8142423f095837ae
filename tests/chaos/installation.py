"""The installation under test: servers, two workers, and a supervisor that starts a worker again when it has ended.

Every end and start is kept in a ledger, with what was planned and what was not."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from nats.aio.client import Client

from bridge.connection import connect
from local.stack import Stack
from ops.workers import Worker
from tests.chaos.egress import ROUTES, prepare
from tests.chaos.equipment import Equipment
from tests.chaos.plan import WORKERS
from tests.short_lived import kill_team

WATCH_S = 0.1
RESTART_AFTER_S = 0.5
STACKS_S = 2.0


@dataclass(frozen=True)
class Restart:
    """A worker that was started again. `planned`: a fault had ended it."""

    at: float
    worker: str
    code: int
    planned: bool
    last_words: str


class Installation:
    """An async context manager. `worker_class` says how a worker process is started, `settings` are added to its environment."""

    def __init__(
        self,
        data: Path,
        *,
        nodes: int = 1,
        worker_class: type[Worker] = Worker,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.data = data
        self.nodes = nodes
        self.routes = data / "routes.toml"
        self.stack = Stack(data / "stack", nodes=nodes, proxied=True)
        self.equipment = Equipment(data / "workers")
        self.restarts: list[Restart] = []
        self.workers: dict[str, Worker] = {}
        self._worker_class = worker_class
        self._settings = dict(settings or {})
        self._held: dict[str, int] = {}
        self._ended_by_fault: set[str] = set()
        self._changing = {name: asyncio.Lock() for name in WORKERS}
        self._watching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Installation:
        try:
            await asyncio.to_thread(self.stack.start)
            await asyncio.to_thread(self.routes.write_text, ROUTES)
            await self._prepare_egress()
            self.workers = {name: self._new_worker(name) for name in WORKERS}
            for worker in self.workers.values():
                worker.start()
            for worker in self.workers.values():
                await asyncio.to_thread(worker.await_ready)
        except BaseException:
            await self._stop()
            raise
        self._watching = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    def hold(self, name: str) -> None:
        """Do not start a worker again before it is released: a fault is about to end it."""
        self._held[name] = self._held.get(name, 0) + 1

    def release(self, name: str) -> None:
        """Let the supervisor start the worker again."""
        self._held[name] -= 1

    async def kill(self, name: str) -> None:
        """SIGKILL of a worker."""
        async with self._changing[name]:
            self._ended_by_fault.add(name)
            await asyncio.to_thread(self.workers[name].process.kill)

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a running worker."""
        process = self.workers[name].process
        if process.running:
            os.kill(process.pid, number)

    async def let_workers_tell(self) -> None:
        """Have every worker write the stacks of its threads and tasks into its log, which is how Faust answers SIGUSR1."""
        for name in self.workers:
            self.signal(name, signal.SIGUSR1)
        await asyncio.sleep(STACKS_S)

    async def status(self) -> Mapping[str, Mapping[str, Any] | None]:
        """The status page of each worker that is ready, None for one that is not."""

        def ask(worker: Worker) -> Mapping[str, Any] | None:
            if not worker.process.running:
                return None
            try:
                return worker.page("/status") if worker.page("/readyz")["ready"] else None
            except (OSError, ValueError, KeyError):
                return None

        pages = await asyncio.gather(*(asyncio.to_thread(ask, worker) for worker in self.workers.values()))
        return dict(zip(self.workers, pages, strict=True))

    async def _prepare_egress(self) -> None:
        endpoints = self.stack.endpoints
        nc = Client()
        await connect(nc, endpoints.nats_url, name="chaos")
        try:
            await prepare(nc, endpoints.kafka_bootstrap, replicas=self.nodes)
        finally:
            await nc.close()

    def _new_worker(self, name: str) -> Worker:
        endpoints = self.stack.endpoints
        nats_url = endpoints.nats_url
        if self.nodes == 1:
            nats_port = urlsplit(nats_url).port
            assert nats_port is not None
            nats_url = self.equipment.link_to_nats(name, nats_port)
        settings = {
            "PERSON_ROUTES_FILE": str(self.routes.absolute()),
            "PERSON_REPLICAS": str(self.nodes),
            # The ledger knows every command that is sent; those of policies are not in it.
            "PERSON_SHIPPED_POLICIES": "false",
        }
        return self._worker_class(
            name,
            nats_url=nats_url,
            kafka_bootstrap=endpoints.kafka_bootstrap,
            data=self.equipment.data_of(name),
            logs=self.data / "logs",
            settings={**settings, **self._settings, **self.equipment.settings_of(name)},
        )

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_S)
            for name, worker in self.workers.items():
                async with self._changing[name]:
                    if not worker.process.running and not self._held.get(name):
                        await self._start_again(name, worker)

    async def _start_again(self, name: str, worker: Worker) -> None:
        planned = name in self._ended_by_fault
        self._ended_by_fault.discard(name)
        code = worker.process.returncode
        assert code is not None
        self.restarts.append(Restart(time.monotonic(), name, code, planned, worker.process.last_log_line))
        if not planned:
            await asyncio.sleep(RESTART_AFTER_S)
        await asyncio.to_thread(worker.start)

    async def _stop(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await asyncio.to_thread(kill_team, self.workers.values())
        await asyncio.to_thread(self.stack.stop)
        await asyncio.to_thread(self.equipment.close)
