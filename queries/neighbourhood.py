"""A part of the network of persons, fetched from all partitions hop by hop; merged persons are followed while it is read.

Guarantee: whichever was first, a merge or an edge to the merged person, the same edges are found."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import Any, NamedTuple

from domain.status import Status
from domain.views.network_graph import Edge, is_ended, joined
from queries.endpoint import Ask, Found, Read
from queries.frame import Query, QueryError
from queries.index.network import MAX_EDGES, around, nodes
from queries.indexed import ask_index
from queries.redirects import MAX_HOPS
from queries.tables_of_worker import WorkerTables

MAX_NODES = 2000
NARROWER = "ask for a smaller depth or for types"


class PersonIds(Query):
    """Some persons, asked for in one partition."""

    person_ids: tuple[str, ...]


class Node(NamedTuple):
    """A person of the network."""

    person_id: str
    status: str
    display_name: str | None
    redirect_to: str | None


class Neighbourhood:
    """What is known of the network so far. `shown` are persons that count whatever their status is."""

    def __init__(
        self,
        ask: Ask,
        query: Query,
        shown: Iterable[str],
        today: date,
        *,
        types: Collection[str] = (),
        include_inactive: bool = False,
    ) -> None:
        self.positions: list[dict[str, int]] = []
        self.silent: set[int] = set()
        self._ask = ask
        self._query = query
        self._shown = frozenset(shown)
        self._today = today
        self._types = types
        self._include_inactive = include_inactive
        self._nodes: dict[str, Node] = {}
        self._edges: dict[tuple[str, str], Edge] = {}
        self._asked: set[str] = set()

    async def expand(self, person_ids: Collection[str]) -> None:
        """Learn all edges of persons, and who is at their other ends; raises QueryError overloaded when the network is too large."""
        waiting = set(person_ids) - self._asked
        ends: set[str] = set(person_ids)
        while waiting:
            self._asked |= waiting
            merged: set[str] = set()
            for one in await self._of_all(AROUND, waiting):
                if len(one.data["edges"]) > MAX_EDGES:
                    raise QueryError("overloaded", f"more than {MAX_EDGES} relationships; {NARROWER}")
                merged |= one.data["merged"].keys()
                for edge in (Edge(*of_edge) for of_edge in one.data["edges"]):
                    self._edges[edge.owner, edge.component_id] = edge
                    ends |= {edge.owner, edge.other}
            ends |= merged
            waiting = merged - self._asked
        await self._learn(ends)
        if len(self._nodes) > MAX_NODES:
            raise QueryError("overloaded", f"more than {MAX_NODES} persons; {NARROWER}")

    def edges(self) -> Sequence[Edge]:
        """All known edges between persons that count, merged persons replaced by their targets."""
        redirects = {person_id: self._target(person_id) for person_id, node in self._nodes.items() if node.redirect_to}
        return [
            edge
            for edge in joined((edge for edge in self._edges.values() if self._is_asked_for(edge)), redirects)
            if self._counts(edge.owner) and self._counts(edge.other)
        ]

    def node(self, person_id: str) -> Node:
        """A known person; raises QueryError not_ready when it is newer than its index."""
        node = self._nodes.get(person_id)
        if node is None:
            raise QueryError("not_ready", "the index has not reached the person")
        return node

    def _is_asked_for(self, edge: Edge) -> bool:
        if self._types and edge.type not in self._types:
            return False
        return self._include_inactive or not is_ended(edge, self._today)

    def _counts(self, person_id: str) -> bool:
        node = self._nodes.get(person_id)
        if node is None:
            return False
        return self._include_inactive or node.status == Status.ACTIVE or person_id in self._shown

    def _target(self, person_id: str) -> str:
        for _ in range(MAX_HOPS):
            node = self._nodes.get(person_id)
            if node is None or node.redirect_to is None:
                break
            person_id = node.redirect_to
        return person_id

    async def _learn(self, person_ids: Iterable[str]) -> None:
        waiting = set(person_ids) - self._nodes.keys()
        for _ in range(MAX_HOPS + 1):
            if not waiting:
                return
            partitions = sorted({self._ask.partition_of(person_id) for person_id in waiting})
            found = [Node(*node) for one in await self._of_all(NODES, waiting, partitions) for node in one.data]
            self._nodes |= {node.person_id: node for node in found}
            waiting = {node.redirect_to for node in found if node.redirect_to} - self._nodes.keys()

    async def _of_all(
        self, read: Read[PersonIds], person_ids: Collection[str], partitions: Sequence[int] | None = None
    ) -> Sequence[Found]:
        request = PersonIds(person_ids=tuple(sorted(person_ids)), **self._query.frame())
        found = await self._ask.reachable(read, request, partitions)
        self.positions += [one.position for one in found.found]
        self.silent |= {*found.silent}
        return found.found


async def _around(tables: WorkerTables, partition: int, query: PersonIds) -> Any:
    return await ask_index(tables, partition, *around(query.person_ids))


async def _nodes(tables: WorkerTables, partition: int, query: PersonIds) -> Any:
    return await ask_index(tables, partition, *nodes(query.person_ids))


AROUND = Read("network_around", PersonIds, _around, indexed=True)
NODES = Read("network_nodes", PersonIds, _nodes, indexed=True)
