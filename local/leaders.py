"""Knows who leads in a stack: streams and the meta group of JetStream, partitions and the quorum of Kafka's controllers.

An answer counts when a majority of the nodes gives it, so a leader that was cut off and does not know yet is not believed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from local import probes
from local.layout import Node


class Leaders:
    """Questions to the running servers of a stack; each answer is the number of a node, or None when there is no leader now."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._nodes = nodes

    def meta(self) -> int | None:
        """The leader of JetStream's meta group, which places streams and consumers."""
        if len(self._nodes) == 1:
            return 1
        told = (self._jetstream(node).get("meta_cluster", {}).get("leader") for node in self._nodes)
        return self._agreed(self._number(name) for name in told)

    def stream(self, name: str) -> int | None:
        """The leader of a stream."""
        if len(self._nodes) == 1:
            return 1
        return self._agreed(
            self._number(stream.get("cluster", {}).get("leader"))
            for node in self._nodes
            for stream in _streams(self._jetstream(node, "?streams=true"))
            if stream.get("name") == name
        )

    def partition(self, topic: str, partition: int) -> int | None:
        """The leader of a partition of a topic."""
        told = (probes.kafka_cluster(node.port("kafka"), topics=(topic,)) for node in self._nodes)
        return self._agreed(
            one.leader for known in told if known for one in known.partitions if one.number == partition
        )

    def controller(self) -> int | None:
        """The active controller of Kafka."""
        return self._agreed(probes.active_controller(node.port("kafka")) for node in self._nodes)

    def missing(self) -> list[str]:
        """What keeps the stack from being whole, one line each."""
        return [*self.missing_in_nats(), *self.missing_in_kafka()]

    def missing_in_nats(self) -> list[str]:
        """What keeps JetStream from being whole: servers that are not healthy, nodes that are not current."""
        return list(self._missing_in_nats())

    def missing_in_kafka(self) -> list[str]:
        """What keeps Kafka from being whole: brokers that are not registered, partitions that are not in sync."""
        return list(self._missing_in_kafka())

    def _missing_in_nats(self) -> Iterator[str]:
        leads = None
        for node in self._nodes:
            page = probes.nats_monitor(node.port("nats_monitor"), "/healthz")
            if page.get("status") != "ok":
                yield f"{node.nats_name} says {page.get('error', 'nothing')}"
            meta = self._jetstream(node).get("meta_cluster", {})
            if meta.get("leader") == node.nats_name:
                leads = meta
        if len(self._nodes) == 1:
            return
        if leads is None:
            yield "JetStream has no meta leader"
            return
        ready = [peer for peer in leads.get("replicas", ()) if peer.get("current") and not peer.get("offline")]
        if len(ready) < len(self._nodes) - 1:
            yield f"{len(ready) + 1} of {len(self._nodes)} nodes of JetStream are current"

    def _missing_in_kafka(self) -> Iterator[str]:
        for node in self._nodes:
            known = probes.kafka_cluster(node.port("kafka"))
            if known is None:
                yield f"kafka {node.number} does not answer"
                continue
            unknown = {one.number for one in self._nodes} - known.brokers.keys()
            if unknown:
                yield f"kafka {node.number} does not know {', '.join(map(str, sorted(unknown)))}"
            behind = [one for one in known.partitions if one.leader < 0 or one.in_sync < one.replicas]
            if behind:
                yield f"{len(behind)} partitions of kafka are not in sync, {behind[0].topic}-{behind[0].number} among them"

    def _jetstream(self, node: Node, query: str = "") -> dict[str, Any]:
        return probes.nats_monitor(node.port("nats_monitor"), f"/jsz{query}")

    def _number(self, name: str | None) -> int | None:
        return next((node.number for node in self._nodes if node.nats_name == name), None)

    def _agreed(self, told: Iterable[int | None]) -> int | None:
        votes = Counter(number for number in told if number is not None and number > 0)
        if not votes:
            return None
        number, count = votes.most_common(1)[0]
        return number if count >= self._nodes[0].layout.majority else None


def _streams(jetstream: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for account in jetstream.get("account_details") or ():
        yield from account.get("stream_detail") or ()
