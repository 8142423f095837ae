"""Owns all fault proxies of a stack: one in front of every server for its clients, and one for every link between two nodes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from local.layout import Node, link_host
from local.ports import HOST
from local.proxy import FaultProxy, ProxyThread

Pair = tuple[int, int]


class Proxies:
    """The proxies by number of the node, and by pair of who connects and to whom."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._thread = ProxyThread()
        self.nats = {node.number: self._before(node, "nats") for node in nodes}
        self.kafka = {node.number: self._before(node, "kafka") for node in nodes}
        by_number = {node.number: node for node in nodes}
        pairs = nodes[0].layout.pairs
        self.nats_links = {pair: [self._between(pair, by_number, "nats_route")] for pair in pairs}
        self.kafka_links = {
            pair: [self._between(pair, by_number, name) for name in ("kafka_peer", "kafka_controller")]
            for pair in pairs
        }

    def start(self) -> None:
        """Listen everywhere; raises StackError when an address cannot be used."""
        for proxy in self:
            proxy.start()

    def stop(self) -> None:
        """Reset all connections and end."""
        for proxy in self:
            proxy.stop()
        self._thread.stop()

    def cut_off(self, links: dict[Pair, list[FaultProxy]], node: int) -> None:
        """Cut every link from and to a node."""
        for pair, proxies in links.items():
            if node in pair:
                for proxy in proxies:
                    proxy.cut()

    def heal(self) -> None:
        """End every fault of every proxy."""
        for proxy in self:
            proxy.heal()

    def __iter__(self) -> Iterator[FaultProxy]:
        yield from self.nats.values()
        yield from self.kafka.values()
        for links in (self.nats_links, self.kafka_links):
            for proxies in links.values():
                yield from proxies

    def _before(self, node: Node, server: str) -> FaultProxy:
        return FaultProxy(
            self._thread,
            node.layout.named(f"{server}_proxy", node.number, between="_"),
            listen=(HOST, node.port(f"{server}_proxy")),
            target=(HOST, node.port(server)),
        )

    def _between(self, pair: Pair, nodes: dict[int, Node], name: str) -> FaultProxy:
        source, target = pair
        port = nodes[target].port(name)
        return FaultProxy(
            self._thread,
            f"{name}_{source}_to_{target}",
            listen=(link_host(source, target), port),
            target=(HOST, port),
        )
