"""What a worker does differently while its traces are on: another connection, another writer of the bridge, wrapped agents.

Guarantee: while traces are off, all of them are those that they would be without this package, and OpenTelemetry is not even loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from nats.aio.client import Client

from bridge.ingress import KafkaWriter
from lanes.agent import Batch, LaneAgent
from tracing.otlp import open_recorder

if TYPE_CHECKING:
    from tracing.recorder import SpanRecorder


class Describe(Protocol):
    """Says more of messages than their envelopes do."""

    def __call__(self, batch: Batch, message_ids: frozenset[str], /) -> Mapping[str, Mapping[str, str]]:
        """Attributes by message id, of those of the given ids about which the agents of a cycle know more."""


class NoTraces:
    """Traces are off: everything is given back as it came."""

    recorder: SpanRecorder | None = None

    def client(self) -> Client:
        """A connection."""
        return Client()

    def agents(self, topic: str, agents: Sequence[LaneAgent]) -> Sequence[LaneAgent]:  # noqa: ARG002
        """What the lane of a topic runs."""
        return agents

    def writer(self, write: KafkaWriter) -> KafkaWriter:
        """What writes the messages that the bridge carries."""
        return write

    async def close(self) -> None:
        """Nothing to export."""


class WorkerTraces(NoTraces):
    """Traces are on."""

    def __init__(self, recorder: SpanRecorder, *, group: str, foreign_topic: str, describe: Describe) -> None:
        self.recorder: SpanRecorder = recorder
        self._group = group
        self._foreign_topic = foreign_topic
        self._describe = describe

    def client(self) -> Client:
        """A connection that writes a span for each message that it stores."""
        from tracing.sending import TracedClient

        return TracedClient(self.recorder)

    def agents(self, topic: str, agents: Sequence[LaneAgent]) -> Sequence[LaneAgent]:
        """The same agents, with spans of their cycles."""
        from tracing.cycles import TracedLane, traced_agents

        lane = TracedLane(topic, self._group, is_foreign=topic == self._foreign_topic)
        return traced_agents(self.recorder, lane, agents, self._describe)

    def writer(self, write: KafkaWriter) -> KafkaWriter:
        """The same writer, with spans of what it carries."""
        from tracing.carrying import traced_writer

        return traced_writer(self.recorder, write, foreign_topic=self._foreign_topic)

    async def close(self) -> None:
        """Export what is left, within a budget."""
        await self.recorder.close()


def worker_traces(
    *, on: bool, service: str, instance: str, version: str, foreign_topic: str, describe: Describe
) -> NoTraces:
    """The traces of one worker. Raises TracesUnavailableError."""
    if not on:
        return NoTraces()
    recorder = open_recorder(service=service, instance=instance, version=version)
    return WorkerTraces(recorder, group=service, foreign_topic=foreign_topic, describe=describe)
