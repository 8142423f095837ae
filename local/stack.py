"""Owns the embedded stack: real NATS and Kafka servers on one data folder, one or several nodes, healthy when `start` returns.

The servers never outlive this process, and a later start on the same folder finds their data and ports again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from local import probes
from local.errors import StackError
from local.folder import DataFolder
from local.kafka_jars import kafka_jars
from local.kafka_server import format_storage, kafka_server
from local.layout import NODES, Layout, Node, nodes_of, require_same_count
from local.leaders import Leaders
from local.nats_server import nats_server
from local.ports import HOST, choose_ports, require_free
from local.processes import ChildProcess
from local.proxies import Proxies
from local.proxy import FaultProxy
from local.security import StackSecurity

__all__ = ["Endpoints", "Stack", "StackError"]

_NATS_BUDGET = 20.0
_KAFKA_BUDGET = 60.0
_CLUSTER_BUDGET = 120.0
_POLL = 0.02
_STOP_BUDGET = 10.0


@dataclass(frozen=True)
class Endpoints:
    """Where clients find the servers of a running stack; addresses of several nodes are separated by commas."""

    nats_url: str
    nats_monitor_url: str
    kafka_bootstrap: str
    data: Path
    nats_pids: tuple[int, ...]
    kafka_pids: tuple[int, ...]

    @property
    def nats_pid(self) -> int:
        """The process of the first NATS server."""
        return self.nats_pids[0]

    @property
    def kafka_pid(self) -> int:
        """The process of the first Kafka broker."""
        return self.kafka_pids[0]


def _silent(_line: str) -> None:
    return


class Stack:
    """NATS servers with JetStream and Kafka brokers, one of each per node, as a context manager.

    `proxied` puts a fault proxy in front of every server for its clients and, with several nodes, on every link between two
    nodes (this needs the loopback addresses of Linux). Nodes are numbered from 1, as Kafka's node ids are.
    """

    def __init__(
        self,
        data: Path,
        *,
        nodes: int = 1,
        proxied: bool = False,
        nats_port: int | None = None,
        kafka_port: int | None = None,
        security: StackSecurity | None = None,
        progress: Callable[[str], None] = _silent,
    ) -> None:
        if nodes not in NODES:
            raise StackError(f"nodes is {nodes}: it must be {' or '.join(map(str, NODES))}")
        if nodes > 1 and (nats_port or kafka_port):
            raise StackError("nats_port and kafka_port are for a single node: leave them out, free ports are chosen")
        if security is not None and (nodes > 1 or proxied):
            raise StackError("security is for a single node without proxies")
        self._folder = DataFolder(data)
        self._layout = Layout(nodes, proxied, secured=security is not None)
        self._security = security
        self._wanted = {"nats": nats_port, "kafka": kafka_port}
        self._progress = progress
        self._nodes: list[Node] = []
        self._nats: dict[int, ChildProcess] = {}
        self._kafka: dict[int, ChildProcess] = {}
        self._proxies: Proxies | None = None

    def start(self) -> Endpoints:
        """Start all servers and return when all answer; on failure nothing is left running."""
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
        """Stop all servers, NATS first so that nothing new arrives, and give the folder free."""
        for servers in (self._nats, self._kafka):
            _stop_all(list(servers.values()))
        self._nats, self._kafka, self._nodes = {}, {}, []
        if self._proxies is not None:
            self._proxies.stop()
            self._proxies = None
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
        """The addresses, as clients use them, and process ids of the started servers."""
        first = self._node(1)
        return Endpoints(
            nats_url=",".join(
                f"{'nats' if self._security is None else 'tls'}://{HOST}:{node.client_port('nats')}"
                for node in self._nodes
            ),
            nats_monitor_url=f"http://{HOST}:{first.port('nats_monitor')}",
            kafka_bootstrap=",".join(f"{HOST}:{node.client_port('kafka')}" for node in self._nodes),
            data=self._folder.path,
            nats_pids=tuple(server.pid for server in self._nats.values()),
            kafka_pids=tuple(server.pid for server in self._kafka.values()),
        )

    @property
    def kafka_for_certificates(self) -> str:
        """Where a secured broker takes clients by their certificates."""
        return f"{HOST}:{self._node(1).port('kafka_peer')}"

    @property
    def nodes(self) -> range:
        """The numbers of the nodes."""
        return self._layout.numbers

    @property
    def replicas(self) -> int:
        """How many copies the nodes can hold."""
        return self._layout.nodes

    @property
    def leaders(self) -> Leaders:
        """Who leads what now, asked from the servers."""
        return Leaders(self._nodes)

    def check(self) -> None:
        """Raise a StackError when a server that should run has ended."""
        for server in (*self._nats.values(), *self._kafka.values()):
            if not server.running:
                raise self._ended(server)

    def revive(self) -> list[str]:
        """Start again every server of a cluster that has ended, one line each; raises a StackError when there is one node."""
        if self._layout.nodes == 1:
            self.check()
            return []
        lines = []
        for servers, start in ((self._nats, self.start_nats), (self._kafka, self.start_kafka)):
            for number, server in servers.items():
                if not server.running:
                    lines.append(f"{server.name} ended with code {server.returncode}; it is started again")
                    start(number, wait=False)
        return lines

    def kill_nats(self, node: int = 1) -> None:
        """Kill a NATS server as a crash would."""
        self._server(self._nats, node).kill()

    def start_nats(self, node: int = 1, *, wait: bool = True) -> None:
        """Start a NATS server again on its port and data; `wait` until it answers, which in a cluster needs a majority."""
        require_free(self._node(node).port("nats"), setting="nats_port")
        self._server(self._nats, node).start()
        if wait:
            self._await_nats(node)

    def pause_nats(self, node: int = 1) -> None:
        """Stop a NATS server where it is, as SIGSTOP does."""
        self._server(self._nats, node).pause()

    def resume_nats(self, node: int = 1) -> None:
        """Let a paused NATS server go on."""
        self._server(self._nats, node).resume()

    def kill_kafka(self, node: int = 1) -> None:
        """Kill a Kafka broker as a crash would."""
        self._server(self._kafka, node).kill()

    def start_kafka(self, node: int = 1, *, wait: bool = True) -> None:
        """Start a Kafka broker again on its port and data; `wait` until it answers, which in a cluster needs a majority."""
        require_free(self._node(node).port("kafka"), setting="kafka_port")
        self._server(self._kafka, node).start()
        if wait:
            self._await_kafka(node)

    def pause_kafka(self, node: int = 1) -> None:
        """Stop a Kafka broker where it is, as SIGSTOP does."""
        self._server(self._kafka, node).pause()

    def resume_kafka(self, node: int = 1) -> None:
        """Let a paused Kafka broker go on."""
        self._server(self._kafka, node).resume()

    @property
    def proxies(self) -> Proxies:
        """All proxies of a stack that was made with `proxied`."""
        if self._proxies is None:
            raise StackError("the stack has no proxies: make it with proxied=True and start it")
        return self._proxies

    @property
    def kafka_proxy(self) -> FaultProxy:
        """The proxy between clients and the first Kafka broker."""
        return self.proxies.kafka[1]

    def cut_off_nats(self, node: int) -> None:
        """Cut a NATS server off from its peers, both ways; clients still reach it."""
        self.proxies.cut_off(self.proxies.nats_links, node)

    def cut_off_kafka(self, node: int) -> None:
        """Cut a broker and controller off from its peers, both ways; clients still reach it."""
        self.proxies.cut_off(self.proxies.kafka_links, node)

    def heal(self) -> None:
        """End every fault of every proxy and let every paused server go on; killed servers stay down."""
        for server in (*self._nats.values(), *self._kafka.values()):
            if server.running:
                server.resume()
        if self._proxies is not None:
            self._proxies.heal()

    def missing(self) -> list[str]:
        """What is not as it should be after all faults have ended, one line each: servers, streams and partitions that lag."""
        down = [
            f"{server.name} is down" for server in (*self._nats.values(), *self._kafka.values()) if not server.running
        ]
        return down or self.leaders.missing()

    def await_whole(self, budget_s: float = _CLUSTER_BUDGET) -> None:
        """Wait until nothing is missing; raises a StackError that says what is."""
        deadline = time.monotonic() + budget_s
        while missing := self.missing():
            if time.monotonic() > deadline:
                raise StackError(f"after {budget_s:.0f} s: {'; '.join(missing)}")
            time.sleep(0.1)

    def _start(self) -> None:
        require_same_count(self._folder, self._layout.nodes)
        ports = choose_ports(self._folder.ports, wanted=self._wanted, names=self._layout.port_names())
        self._nodes = nodes_of(self._folder, self._layout, ports)
        begun = time.monotonic()
        jars = kafka_jars(self._progress)
        self._progress(f"{len(jars)} jars of Kafka verified in {time.monotonic() - begun:.1f} s")
        if self._layout.proxied:
            self._proxies = Proxies(self._nodes)
            self._proxies.start()
        self._nats = {node.number: nats_server(self._folder, node, self._nodes, self._security) for node in self._nodes}
        for server in self._nats.values():
            server.start()
        kafka = {
            node.number: kafka_server(self._folder, jars, node, self._nodes, self._security) for node in self._nodes
        }
        format_storage(self._folder, jars, self._nodes, self._progress, self._security)
        self._await_all_nats()
        self._kafka = kafka
        for server in self._kafka.values():
            server.start()
        for node in self._nodes:
            self._await_kafka(node.number)
        if self._layout.nodes > 1:
            begun = time.monotonic()
            self.await_whole()
            self._progress(f"{self._layout.nodes} nodes agree after {time.monotonic() - begun:.1f} s more")

    def _await_all_nats(self) -> None:
        for node in self._nodes:
            self._await_nats(node.number)

    def _await_nats(self, number: int) -> None:
        port, monitor = self._node(number).port("nats"), self._node(number).port("nats_monitor")
        budget = _NATS_BUDGET if self._layout.nodes == 1 else _CLUSTER_BUDGET
        self._await(
            self._server(self._nats, number),
            lambda: probes.nats_answers(port) if self._security is None else probes.nats_is_healthy(monitor),
            budget,
        )

    def _await_kafka(self, number: int) -> None:
        node = self._node(number)
        port, advertised, tls = node.port("kafka"), node.client_port("kafka"), None
        if self._security is not None:
            port, advertised, tls = node.port("kafka_peer"), node.port("kafka_peer"), self._security.probing()
        budget = _KAFKA_BUDGET if self._layout.nodes == 1 else _CLUSTER_BUDGET
        self._await(
            self._server(self._kafka, number),
            lambda: probes.kafka_answers(port, node=number, advertised=advertised, tls=tls),
            budget,
        )

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

    def _node(self, number: int) -> Node:
        if not self._nodes:
            raise StackError("the stack has not been started")
        if number not in self._layout.numbers:
            raise StackError(f"there is no node {number}: the stack has {self._layout.nodes}")
        return self._nodes[number - 1]

    def _server(self, servers: dict[int, ChildProcess], number: int) -> ChildProcess:
        self._node(number)
        if number not in servers:
            raise StackError("the stack has not been started")
        return servers[number]


def _stop_all(servers: list[ChildProcess]) -> None:
    """Ask all to end before waiting for the first."""
    for server in servers:
        server.ask_to_end()
    deadline = time.monotonic() + _STOP_BUDGET
    for server in servers:
        if server.running:
            server.stop(max(0.1, deadline - time.monotonic()))
