"""Owns what a stack of one or several nodes consists of: names, folders, ports and the addresses between nodes.

The nodes are numbered from 1. A folder belongs to the number of nodes it was made with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.errors import StackError
from local.folder import DataFolder
from local.ports import HOST

NODES = (1, 3)
"""How many nodes a stack may have: one, or the fewest that survive the end of any one."""

_OF_EVERY_NODE = ("nats", "nats_monitor", "kafka", "kafka_controller")


@dataclass(frozen=True)
class Layout:
    """How many nodes there are and whether proxies stand before them."""

    nodes: int
    proxied: bool
    secured: bool = False
    """Whether connections are encrypted; brokers then have a listener of their own, which takes certificates."""

    @property
    def numbers(self) -> range:
        """The numbers of the nodes."""
        return range(1, self.nodes + 1)

    @property
    def majority(self) -> int:
        """How many nodes decide."""
        return self.nodes // 2 + 1

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Every ordered pair of different nodes: who connects, and to whom."""
        return [(source, target) for source in self.numbers for target in self.numbers if source != target]

    def port_names(self) -> list[str]:
        """The names of all ports that the stack listens on."""
        names = [*_OF_EVERY_NODE]
        if self.nodes > 1:
            names.append("nats_route")
        if self.nodes > 1 or self.proxied or self.secured:
            names.append("kafka_peer")
        if self.proxied:
            names += ["nats_proxy", "kafka_proxy"]
        return [self.named(name, node, between="_") for node in self.numbers for name in names]

    def named(self, name: str, node: int, *, between: str = "-") -> str:
        """The name of one of a node's things; a single node needs no number."""
        return name if self.nodes == 1 else f"{name}{between}{node}"


@dataclass(frozen=True)
class Node:
    """One node: a nats-server and a Kafka broker that is a controller too."""

    layout: Layout
    number: int
    ports: Mapping[str, int]
    path: Path

    @property
    def nats_name(self) -> str:
        """Name of the nats-server within its cluster."""
        return self.layout.named("person-local", self.number)

    def home(self, server: str) -> Path:
        """The folder of one of its servers."""
        return self.path / self.layout.named(server, self.number)

    def port(self, name: str) -> int:
        """A port of this node."""
        return self.ports[self.layout.named(name, self.number, between="_")]

    def client_port(self, server: str) -> int:
        """The port that clients of a server use: the proxy's, where there is one."""
        return self.port(f"{server}_proxy" if self.layout.proxied else server)

    def kafka_host(self) -> str:
        """The name under which other brokers reach this one."""
        return f"kafka-{self.number}" if self.linked else HOST

    @property
    def linked(self) -> bool:
        """Whether a proxy stands between every two nodes."""
        return self.layout.proxied and self.layout.nodes > 1


def link_host(source: int, target: int) -> str:
    """The loopback address where `source` finds `target`; the proxy of this pair listens there, on the target's port."""
    return f"127.0.{source}.{target}"


def nodes_of(folder: DataFolder, layout: Layout, ports: Mapping[str, int]) -> list[Node]:
    """All nodes of a stack."""
    return [Node(layout, number, ports, folder.path) for number in layout.numbers]


def require_same_count(folder: DataFolder, nodes: int) -> None:
    """Remember how many nodes the folder is made with; raise a StackError when it was made with another number."""
    memory = folder.path / "nodes"
    if memory.exists():
        made_with = memory.read_text().strip()
    else:
        # A folder of an earlier version holds one node and does not say so.
        made_with = "1" if (folder.path / "kafka").exists() else str(nodes)
    if made_with != str(nodes):
        raise StackError(
            f"the data folder {folder.shown(folder.path)} was made with {made_with} node(s), not with {nodes}: "
            f"start it with --nodes {made_with} or choose another folder"
        )
    memory.write_text(f"{nodes}\n")
