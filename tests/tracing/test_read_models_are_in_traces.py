"""What is asked and what is indexed has spans: of the question, of the owners it goes to, of the rows that an index takes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from lanes.agent import Batch, LaneAgent
from queries.endpoint import Endpoint, Found, Gathered, Read
from queries.frame import Answer, Query, QueryError
from queries.subscriptions.subscriptions import SessionOver
from tests.tracing.test_traces_follow_from_messages import SENT, Folding, event_record
from tracing.cycles import TracedLane, traced_agents
from tracing.indexing import IndexSpans
from tracing.message import read_message, span_id_of, trace_id_of
from tracing.questions import MAX_READS, traced_questions
from tracing.recorder import SpanRecorder
from tracing.subscribing import session_spans


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def recorder(exporter: InMemorySpanExporter) -> Iterator[SpanRecorder]:
    recorder = SpanRecorder(exporter, Resource({}), max_queue=2048)
    yield recorder
    recorder._provider.shutdown()


def finished(recorder: SpanRecorder, exporter: InMemorySpanExporter) -> Sequence[ReadableSpan]:
    assert recorder._provider.force_flush()
    return exporter.get_finished_spans()


async def nothing(*_: Any) -> Any:
    return None


HITS = Read("hits", Query, nothing)
SECRET = "Ada Lovelace"


class Owners:
    """Asks nobody: three partitions, of which the last one is silent, and the first one moves when it is asked alone."""

    partitions = 3
    window = None

    def __init__(self, traceparent: str | None = SENT) -> None:
        self.traceparent = traceparent

    async def one(self, read: Read[Any], partition: int, _request: Any) -> Found:
        if partition == 0:
            raise QueryError("unavailable", f"of {SECRET}")
        return Found([SECRET], {})

    async def each(self, *_: Any) -> Sequence[Found]:
        return [Found([SECRET], {})]

    async def reachable(self, *_: Any) -> Gathered:
        return Gathered([Found([SECRET], {})] * 2, [2])


def asker(traceparent: str | None = SENT) -> Any:
    """The owners as the one who asks them for a question."""
    return Owners(traceparent)


async def found(ask: Any, query: Query) -> Answer:
    gathered = await ask.reachable(HITS, query)
    await ask.each(HITS, query, [1])
    return Answer([row for one in gathered.found for row in one.data], silent=gathered.silent)


async def refused(ask: Any, query: Query) -> Answer:
    return Answer(await ask.one(HITS, 0, query))


async def rows(ask: Any, query: Query) -> AsyncIterator[Any]:
    for _ in range(MAX_READS + 5):
        for row in (await ask.one(HITS, 1, query)).data:
            yield row


async def test_a_question_has_a_span_in_the_trace_of_its_asker_with_the_owners_below_it(
    recorder: SpanRecorder, exporter: InMemorySpanExporter
) -> None:
    endpoint = traced_questions(recorder, {"search": Endpoint("search", Query, found)})["search"]
    given = await endpoint.answer(asker(), Query())

    reachable, each, question = finished(recorder, exporter)
    assert given.data == [SECRET, SECRET]
    assert f"{question.context.trace_id:032x}" == "a" * 32
    assert question.parent is not None
    assert f"{question.parent.span_id:016x}" == "b" * 16
    assert question.kind is SpanKind.SERVER
    assert dict(question.attributes or {}) == {
        "rpc.system": "nats",
        "rpc.service": "person.queries",
        "rpc.method": "search",
        "person.query.rows": 2,
        "person.query.reads": 2,
        "person.query.partial": True,
        "person.query.silent_partitions": 1,
    }
    assert [one.name for one in (reachable, each)] == ["read hits", "read hits"]
    assert dict(reachable.attributes or {}) == {"person.query.partitions": 3, "person.query.silent_partitions": 1}
    assert dict(each.attributes or {}) == {"person.query.partitions": 1}
    assert {one.parent.span_id for one in (reachable, each) if one.parent} == {question.context.span_id}


async def test_a_question_that_is_refused_says_its_code_and_nothing_of_what_was_asked(
    recorder: SpanRecorder, exporter: InMemorySpanExporter
) -> None:
    endpoint = traced_questions(recorder, {"search": Endpoint("search", Query, refused)})["search"]
    with pytest.raises(QueryError):
        await endpoint.answer(asker(None), Query())

    read, question = finished(recorder, exporter)
    assert question.parent is None
    for one in (read, question):
        assert (one.attributes or {})["error.type"] == "unavailable"
        assert one.status.status_code is StatusCode.ERROR
        assert SECRET not in one.to_json()


async def test_a_stream_counts_its_rows_and_bounds_the_spans_of_its_reads(
    recorder: SpanRecorder, exporter: InMemorySpanExporter
) -> None:
    endpoint = traced_questions(recorder, {"search": Endpoint("search", Query, found, rows=rows)})["search"]
    assert endpoint.rows is not None
    assert len([one async for one in endpoint.rows(asker(), Query())]) == MAX_READS + 5

    *reads, question = finished(recorder, exporter)
    assert len(reads) == MAX_READS
    assert (question.attributes or {})["person.query.rows"] == MAX_READS + 5
    assert (question.attributes or {})["person.query.reads"] == MAX_READS + 5


async def test_the_reader_of_a_stream_who_leaves_is_no_error(
    recorder: SpanRecorder, exporter: InMemorySpanExporter
) -> None:
    endpoint = traced_questions(recorder, {"search": Endpoint("search", Query, found, rows=rows)})["search"]
    assert endpoint.rows is not None
    some: Any = endpoint.rows(asker(), Query())
    await anext(some)
    await some.aclose()

    question = finished(recorder, exporter)[-1]
    assert (question.attributes or {})["person.query.rows"] == 1
    assert question.status.status_code is StatusCode.UNSET


async def test_a_question_whose_asker_records_nothing_has_no_span(recorder: SpanRecorder) -> None:
    endpoint = traced_questions(recorder, {"search": Endpoint("search", Query, found)})["search"]
    await endpoint.answer(asker(SENT[:-2] + "00"), Query())

    assert recorder.written == 0


class Index(LaneAgent):
    """An index that takes the rows of a cycle while the cycle is announced."""

    name = "feed_index"

    def __init__(self, spans: IndexSpans, up_to: int, rows: int) -> None:
        self._spans = spans
        self._up_to = up_to
        self._rows = rows

    async def process(self, batch: Batch) -> None:
        """Nothing."""

    async def committed(self, batch: Batch) -> None:
        self._spans.indexed(batch.partition, self._up_to, self._rows, 0.25)


async def cycle(recorder: SpanRecorder, spans: IndexSpans, index: Index, numbers: Sequence[int]) -> None:
    lane = TracedLane("person.events", "person", is_foreign=False)
    agents = traced_agents(recorder, lane, [Folding("fold_persons"), index], lambda *_: {}, spans)
    batch = Batch(3, [event_record(number) for number in numbers], {})
    for agent in agents:
        await agent.process(batch)
    for agent in agents:
        await agent.committed(batch)


async def test_an_indexed_message_has_a_span_below_its_handling_and_the_batch_links_it(
    recorder: SpanRecorder, exporter: InMemorySpanExporter
) -> None:
    spans = IndexSpans(recorder, "person.events")
    # Event 2 is at stream sequence 102: it waits for the next batch.
    await cycle(recorder, spans, Index(spans, up_to=101, rows=7), [0, 1, 2])

    written = finished(recorder, exporter)
    [batch] = [one for one in written if one.name == "index batch person.events"]
    below = [one for one in written if one.name == "index person.events"]
    messages = [read_message(event_record(number).value) for number in (0, 1)]
    handled = [span_id_of(one.id, "process") for one in messages if one]
    assert dict(batch.attributes or {}) == {
        "messaging.destination.name": "person.events",
        "messaging.destination.partition.id": "3",
        "messaging.batch.message_count": 2,
        "person.index.rows": 7,
    }
    assert [link.context.span_id for link in batch.links] == handled
    assert [one.parent.span_id for one in below if one.parent] == handled
    assert {f"{one.context.trace_id:032x}" for one in below} == {"a" * 32}
    assert {one.links[0].context.span_id for one in below} == {batch.context.span_id}
    assert (batch.end_time or 0) - (batch.start_time or 0) == 250_000_000


async def test_a_record_that_a_lane_gets_twice_is_indexed_once(
    recorder: SpanRecorder, exporter: InMemorySpanExporter
) -> None:
    spans = IndexSpans(recorder, "person.events")
    lane = TracedLane("person.events", "person", is_foreign=False)
    agents = traced_agents(recorder, lane, [Index(spans, up_to=200, rows=3)], lambda *_: {}, spans)
    for _ in range(2):
        batch = Batch(3, [event_record(1)], {})
        for agent in agents:
            await agent.process(batch)
            await agent.committed(batch)

    assert [one.name for one in finished(recorder, exporter)].count("index person.events") == 1


async def test_messages_that_change_no_row_of_an_index_have_no_span_of_it(
    recorder: SpanRecorder, exporter: InMemorySpanExporter
) -> None:
    spans = IndexSpans(recorder, "person.events")
    await cycle(recorder, spans, Index(spans, up_to=101, rows=0), [0, 1])
    spans.indexed(3, 200, 9, 0.1)

    assert not [one for one in finished(recorder, exporter) if one.name.startswith("index")]


async def test_what_waits_for_an_index_is_forgotten_when_its_partition_moves(
    recorder: SpanRecorder, exporter: InMemorySpanExporter
) -> None:
    spans = IndexSpans(recorder, "person.events")
    lane = TracedLane("person.events", "person", is_foreign=False)
    await cycle(recorder, spans, Index(spans, up_to=0, rows=0), [0, 1])
    for agent in traced_agents(recorder, lane, [Folding("fold_persons")], lambda *_: {}, spans):
        agent.forget(3)
    spans.indexed(3, 200, 9, 0.1)

    assert not [one for one in finished(recorder, exporter) if one.name.startswith("index")]


@pytest.mark.parametrize(("ending", "error"), [("gone", None), ("lagged", "lagged")])
async def test_sessions_of_a_subscription_are_in_one_trace_and_say_how_they_ended(
    recorder: SpanRecorder, exporter: InMemorySpanExporter, ending: Any, error: str | None
) -> None:
    over = session_spans(recorder)
    for began in (1, 2):
        over(SessionOver("0190c8a2-7b1e-7c3d-9a4f-000000000009", "summary", began, 40, ending))

    written = finished(recorder, exporter)
    assert {one.context.trace_id for one in written} == {trace_id_of("0190c8a2-7b1e-7c3d-9a4f-000000000009")}
    assert len({one.context.span_id for one in written}) == 2
    for one in written:
        attributes = dict(one.attributes or {})
        assert one.name == "subscription summary"
        assert attributes["messaging.batch.message_count"] == 40
        assert attributes["person.subscription.ending"] == ending
        assert attributes.get("error.type") == error


@pytest.mark.parametrize("kind", ["question", "index", "session"])
async def test_spans_that_cannot_be_written_hold_nobody_up(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    def fails(*_: object, **__: object) -> Any:
        raise ZeroDivisionError

    broken: Any = SimpleNamespace(samples=lambda *_: True, write=fails)
    if kind == "question":
        endpoint = traced_questions(broken, {"search": Endpoint("search", Query, found)})["search"]
        assert (await endpoint.answer(asker(), Query())).silent == [2]
    elif kind == "index":
        spans = IndexSpans(broken, "person.events")
        message = read_message(event_record(1).value)
        assert message is not None
        spans.durable(3, [(101, message)])
        spans.indexed(3, 101, 1, 0.1)
    else:
        session_spans(broken)(SessionOver("x", "summary", 1, 0, "gone"))
    await asyncio.sleep(0)

    assert " no span" in caplog.text
