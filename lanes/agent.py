"""What a lane runs: agents that fold a batch of records into tables, registered with Faust under their own names.

Guarantee: Faust sees every agent (`faust agents`), subscribes its topic and assigns its partitions; only the execution,
one lane per partition instead of one message at a time, is ours."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import faust
from faust.agents import Agent

from lanes.record import Record
from lanes.table import LaneTable, TableView

T = TypeVar("T")


class Batch:
    """Everything that one lane cycle takes: the records of one partition and a view on each table of the lane."""

    def __init__(self, partition: int, records: Sequence[Record], views: Mapping[str, TableView]) -> None:
        self.partition = partition
        self.records = records
        self._views = views
        self._memo: dict[str, Any] = {}

    def once(self, name: str, compute: Callable[[], T]) -> T:
        """A value that several agents of the cycle share, computed by the first that asks."""
        if name not in self._memo:
            self._memo[name] = compute()
        value: T = self._memo[name]
        return value

    def view(self, table: LaneTable) -> TableView:
        """The view of this cycle on a table that an agent of this lane has declared."""
        return self._views[table.name]

    def views(self) -> Sequence[TableView]:
        """All views, in the order in which the tables were declared."""
        return tuple(self._views.values())


class LaneAgent(abc.ABC):
    """One agent of a lane. `name` is a verb_noun, `tables` are those that it writes."""

    name: str
    tables: tuple[LaneTable, ...] = ()

    @abc.abstractmethod
    async def process(self, batch: Batch) -> None:
        """Fold the records into views of `batch`; staged rows are committed after all agents of the lane ran.

        An error that escapes is taken as transient: the staged rows of the whole cycle are dropped and the same
        records come again, in order. What can never succeed must be dead-lettered by the agent itself.
        """

    async def committed(self, batch: Batch) -> None:  # noqa: B027  # agents without announcements leave it empty
        """The cycle is durable: announce outcomes, wake readers. Must be idempotent; runs again after a crash."""

    def forget(self, partition: int) -> None:  # noqa: B027  # agents without caches leave it empty
        """Drop whatever is cached for a partition: its rows may have changed elsewhere, or a cycle failed."""


class LaneExecutedAgent(Agent):
    """A Faust agent without actors: its topic is consumed by lanes."""

    async def on_start(self) -> None:
        """Subscribe the topic; lanes are started by assignment."""
        self.app.topics.add(self.channel)

    async def on_stop(self) -> None:
        """Lanes are stopped by the consumer before agents are."""


def register(app: faust.App, topic: faust.TopicT, agent: LaneAgent) -> None:
    """Make a lane agent known to Faust under its name."""

    async def execution_by_lane(stream: faust.StreamT) -> None:
        raise NotImplementedError("lanes execute this agent")

    execution_by_lane.__module__ = type(agent).__module__
    execution_by_lane.__name__ = execution_by_lane.__qualname__ = agent.name
    faust_agent = LaneExecutedAgent(
        execution_by_lane, app=app, name=f"agents.{agent.name}", channel=topic, help=type(agent).__doc__
    )
    app.agents[faust_agent.name] = faust_agent
