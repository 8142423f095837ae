"""Owns the embedded stack: both servers on one data folder, started together, healthy when `start` returns.

The servers never outlive this process, and a later start on the same folder finds their data and ports again.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from local.errors import StackError
from local.folder import DataFolder
from local.kafka_jars import kafka_jars
from local.kafka_server import kafka_server
from local.nats_server import nats_server
from local.ports import HOST, choose_ports, require_free
from local.probes import kafka_answers, nats_answers
from local.processes import ChildProcess

__all__ = ["Endpoints", "Stack", "StackError"]

_NATS_BUDGET = 20.0
_KAFKA_BUDGET = 60.0
_POLL = 0.02


@dataclass(frozen=True)
class Endpoints:
    """Where the servers of a running stack are found."""

    nats_url: str
    nats_monitor_url: str
    kafka_bootstrap: str
    data: Path
    nats_pid: int
    kafka_pid: int


def _silent(_line: str) -> None:
    return


class Stack:
    """A NATS server with JetStream and a Kafka broker, as a context manager."""

    def __init__(
        self,
        data: Path,
        *,
        nats_port: int | None = None,
        kafka_port: int | None = None,
        progress: Callable[[str], None] = _silent,
    ) -> None:
        self._folder = DataFolder(data)
        self._wanted = {"nats": nats_port, "kafka": kafka_port}
        self._progress = progress
        self._ports: dict[str, int] = {}
        self._nats: ChildProcess | None = None
        self._kafka: ChildProcess | None = None

    def start(self) -> Endpoints:
        """Start both servers and return when both answer; on failure nothing is left running."""
        self._folder.open()
        try:
            self._start()
        except OSError as error:
            self.stop()
            where = error.filename or self._folder.shown(self._folder.path)
            raise StackError(f"cannot use {where} ({error.strerror}): free or repair it") from error
        except BaseException:
            self.stop()
            raise
        return self.endpoints

    def stop(self) -> None:
        """Stop both servers, NATS first so that nothing new arrives, and give the folder free."""
        for server in (self._nats, self._kafka):
            if server is not None and server.running:
                server.stop()
        self._nats = self._kafka = None
        self._folder.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def endpoints(self) -> Endpoints:
        """The addresses and process ids of the started servers."""
        return Endpoints(
            nats_url=f"nats://{HOST}:{self._port('nats')}",
            nats_monitor_url=f"http://{HOST}:{self._port('nats_monitor')}",
            kafka_bootstrap=f"{HOST}:{self._port('kafka')}",
            data=self._folder.path,
            nats_pid=_started(self._nats).pid,
            kafka_pid=_started(self._kafka).pid,
        )

    def check(self) -> None:
        """Raise a StackError when a server that should run has ended."""
        for server in (self._nats, self._kafka):
            if server is not None and not server.running:
                raise self._ended(server)

    def kill_nats(self) -> None:
        """Kill the NATS server as a crash would."""
        _started(self._nats).kill()

    def start_nats(self) -> None:
        """Start the NATS server again on its port and data."""
        require_free(self._port("nats"), setting="nats_port")
        _started(self._nats).start()
        self._await_nats()

    def kill_kafka(self) -> None:
        """Kill the Kafka broker as a crash would."""
        _started(self._kafka).kill()

    def start_kafka(self) -> None:
        """Start the Kafka broker again on its port and data."""
        require_free(self._port("kafka"), setting="kafka_port")
        _started(self._kafka).start()
        self._await_kafka()

    def _start(self) -> None:
        self._ports = choose_ports(self._folder.ports, wanted=self._wanted)
        begun = time.monotonic()
        jars = kafka_jars(self._progress)
        self._progress(f"{len(jars)} jars of Kafka verified in {time.monotonic() - begun:.1f} s")
        self._nats = nats_server(self._folder, port=self._port("nats"), monitor_port=self._port("nats_monitor"))
        self._nats.start()
        self._await_nats()
        self._kafka = kafka_server(
            self._folder,
            jars,
            port=self._port("kafka"),
            controller_port=self._port("kafka_controller"),
            progress=self._progress,
        )
        self._kafka.start()
        self._await_kafka()

    def _await_nats(self) -> None:
        self._await(_started(self._nats), lambda: nats_answers(self._port("nats")), _NATS_BUDGET)

    def _await_kafka(self) -> None:
        self._await(_started(self._kafka), lambda: kafka_answers(self._port("kafka")), _KAFKA_BUDGET)

    def _await(self, server: ChildProcess, answers: Callable[[], bool], budget: float) -> None:
        while not answers():
            if not server.running:
                raise self._ended(server)
            if time.monotonic() - server.started_at > budget:
                raise StackError(
                    f"{server.name} did not answer within {budget:.0f} s: {server.last_log_line} "
                    f"(log: {self._folder.shown(server.log)})"
                )
            time.sleep(_POLL)
        self._progress(f"{server.name} ready in {time.monotonic() - server.started_at:.1f} s")

    def _ended(self, server: ChildProcess) -> StackError:
        return StackError(
            f"{server.name} ended with code {server.returncode}: {server.last_log_line} "
            f"(log: {self._folder.shown(server.log)})"
        )

    def _port(self, name: str) -> int:
        if name not in self._ports:
            raise StackError("the stack has not been started")
        return self._ports[name]


def _started(server: ChildProcess | None) -> ChildProcess:
    if server is None:
        raise StackError("the stack has not been started")
    return server
