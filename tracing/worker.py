"""What a worker does differently while its traces are on: another connection, another writer of the bridge, wrapped agents and queries.

Guarantee: while traces are off, all of them are those that they would be without this package, and OpenTelemetry is not even loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from nats.aio.client import Client

from bridge.ingress import KafkaWriter
from lanes.agent import Batch, LaneAgent
from tracing.otlp import open_recorder

if TYPE_CHECKING:
    from tracing.indexing import Indexing, IndexSpans
    from tracing.questions import Question
    from tracing.recorder import SpanRecorder
    from tracing.subscribing import Subscribing


Q = TypeVar("Q", bound="Question")


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

    def questions(self, endpoints: Mapping[str, Q]) -> Mapping[str, Q]:
        """What clients are answered by, by name."""
        return endpoints

    def follow_index(self, topic: str, index: Indexing) -> None:
        """The index that follows a topic; to be said before the agents of the topic are asked for."""

    def follow_subscriptions(self, subscriptions: Subscribing) -> None:
        """What serves the live subscriptions."""

    async def close(self) -> None:
        """Nothing to export."""


class WorkerTraces(NoTraces):
    """Traces are on."""

    def __init__(self, recorder: SpanRecorder, *, group: str, foreign_topic: str, describe: Describe) -> None:
        self.recorder: SpanRecorder = recorder
        self._group = group
        self._foreign_topic = foreign_topic
        self._describe = describe
        self._indexes: dict[str, IndexSpans] = {}

    def client(self) -> Client:
        """A connection that writes a span for each message that it stores."""
        from tracing.sending import TracedClient

        return TracedClient(self.recorder)

    def agents(self, topic: str, agents: Sequence[LaneAgent]) -> Sequence[LaneAgent]:
        """The same agents, with spans of their cycles."""
        from tracing.cycles import TracedLane, traced_agents

        lane = TracedLane(topic, self._group, is_foreign=topic == self._foreign_topic)
        return traced_agents(self.recorder, lane, agents, self._describe, self._indexes.get(topic))

    def writer(self, write: KafkaWriter) -> KafkaWriter:
        """The same writer, with spans of what it carries."""
        from tracing.carrying import traced_writer

        return traced_writer(self.recorder, write, foreign_topic=self._foreign_topic)

    def questions(self, endpoints: Mapping[str, Q]) -> Mapping[str, Q]:
        """The same, with a span for each question."""
        from tracing.questions import traced_questions

        return traced_questions(self.recorder, endpoints)

    def follow_index(self, topic: str, index: Indexing) -> None:
        """Write spans of what it indexes."""
        from tracing.indexing import IndexSpans

        spans = self._indexes[topic] = IndexSpans(self.recorder, topic)
        index.on_indexed.append(spans.indexed)

    def follow_subscriptions(self, subscriptions: Subscribing) -> None:
        """Write a span of each session that is over."""
        from tracing.subscribing import session_spans

        subscriptions.on_session_over.append(session_spans(self.recorder))

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
