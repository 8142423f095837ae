"""Ids of traces and spans follow from messages alone, and spans of a cycle say what it handled."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from bridge import headers
from lanes.agent import Batch, LaneAgent
from lanes.record import Record
from tracing.cycles import MAX_LINKS, TracedLane, traced_agents
from tracing.message import read_message, read_traceparent, span_id_of, trace_id_of, write_traceparent
from tracing.recorder import AT_ONCE, NOT_EXPORTED, QUEUE_FULL, TOO_MANY, SpanRecorder

ROOT = "0190c8a2-7b1e-7c3d-9a4f-000000000001"
EVENT = "0190c8a2-7b1e-7c3d-9a4f-000000000002"
SENT = f"00-{'a' * 32}-{'b' * 16}-01"


def raw(**members: Any) -> bytes:
    return orjson.dumps({"id": ROOT, "type": "person.commands.create", "data": {"name": "Ada"}, **members})


def message(**members: Any) -> Any:
    found = read_message(raw(**members))
    assert found is not None
    return found


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def recorder(exporter: SpanExporter) -> Iterator[SpanRecorder]:
    recorder = SpanRecorder(exporter, Resource({"service.name": "test"}), max_queue=2048)
    yield recorder
    recorder._provider.shutdown()


def finished(recorder: SpanRecorder, exporter: InMemorySpanExporter) -> Sequence[ReadableSpan]:
    assert recorder._provider.force_flush()
    return exporter.get_finished_spans()


def test_a_root_without_trace_context_has_the_trace_of_its_correlation() -> None:
    root = message()
    event = message(id=EVENT, type="person.created", correlationid=ROOT, causationid=ROOT)

    assert root.is_root
    assert root.sent_by is None
    assert root.trace_id == event.trace_id == trace_id_of(ROOT)
    assert event.sent_by == span_id_of(ROOT, "process")
    assert message() == root


def test_the_trace_context_of_a_sender_is_kept_and_its_span_stands_for_the_root() -> None:
    root = message(traceparent=SENT)
    event = message(id=EVENT, correlationid=ROOT, causationid=ROOT, traceparent=SENT)

    assert f"{root.trace_id:032x}" == f"{event.trace_id:032x}" == "a" * 32
    assert f"{root.span_id:016x}" == f"{root.sent_by:016x}" == "b" * 16
    assert event.sent_by == span_id_of(ROOT, "process")
    assert event.span_id == span_id_of(EVENT, "send")


@pytest.mark.parametrize(
    "text",
    [None, 7, "", "00-x", f"00-{'0' * 32}-{'b' * 16}-01", f"00-{'a' * 32}-{'0' * 16}-01", SENT.upper()],
    ids=["none", "number", "empty", "short", "no trace", "no span", "capitals"],
)
def test_what_is_no_trace_context_is_passed_over(text: object) -> None:
    assert read_traceparent(text) is None
    assert message(traceparent=text).trace_id == trace_id_of(ROOT)


def test_a_trace_context_is_written_as_it_is_read() -> None:
    read = read_traceparent(SENT)

    assert read is not None
    assert write_traceparent(read.trace_id, read.span_id, sampled=read.sampled) == SENT


@pytest.mark.parametrize(
    "data", [b"", b"no", b"[]", b"{}", b'{"id": "x"}'], ids=["empty", "text", "list", "bare", "id"]
)
def test_what_has_no_id_is_no_message(data: bytes) -> None:
    assert read_message(data) is None


def test_a_type_that_is_no_word_is_left_out() -> None:
    assert message(type="Ada Lovelace <ada@example.org>").type == ""


@pytest.mark.parametrize(("flags", "sampled"), [("01", True), ("00", False)])
def test_who_sent_a_root_decides_whether_it_is_sampled(recorder: SpanRecorder, flags: str, sampled: bool) -> None:
    assert recorder.is_sampled(message(traceparent=SENT[:-2] + flags)) is sampled


def test_a_share_of_the_other_traces_is_sampled_and_the_same_by_everybody(
    exporter: SpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.25")
    recorders = [SpanRecorder(exporter, Resource({}), max_queue=10) for _ in range(2)]
    # Ids of version 7 share their first half, and the first bits of their second one.
    roots = [message(id=str(uuid.UUID(int=uuid.UUID(ROOT).int + (number << 8)))) for number in range(2000)]
    chosen = [[one.id for one in roots if recorder.is_sampled(one)] for recorder in recorders]
    for recorder in recorders:
        recorder._provider.shutdown()

    assert chosen[0] == chosen[1]
    assert 400 < len(chosen[0]) < 600


class Folding(LaneAgent):
    def __init__(self, name: str) -> None:
        self.name = name
        self.forgotten: list[int] = []

    async def process(self, batch: Batch) -> None:
        batch.once(self.name, lambda: True)

    def forget(self, partition: int) -> None:
        self.forgotten.append(partition)


def event_record(number: int, *, sampled: bool = True) -> Record:
    event_id = str(uuid.UUID(int=uuid.UUID(EVENT).int + number))
    value = raw(
        id=event_id,
        type="person.created",
        correlationid=ROOT,
        causationid=ROOT,
        traceparent=SENT[:-1] + str(int(sampled)),
    )
    return Record(number, b"p", value, {headers.SEQUENCE: b"%d" % (number + 100)}, 0)


async def cycle(recorder: SpanRecorder, records: Sequence[Record]) -> None:
    lane = TracedLane("person.events", "person", is_foreign=False)
    agents = traced_agents(
        recorder,
        lane,
        [Folding("fold_persons"), Folding("project_summary")],
        lambda _, ids: {one: {"x": "y"} for one in ids},
    )
    assert [agent.name for agent in agents] == ["fold_persons", "project_summary"]
    batch = Batch(3, records, {})
    for agent in agents:
        await agent.process(batch)
    for agent in agents:
        await agent.committed(batch)


async def test_a_cycle_has_a_span_with_its_agents_and_one_for_each_message(
    recorder: SpanRecorder, exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracing.cycles.SHORTEST_STEP_NS", 0)
    await cycle(recorder, [event_record(number) for number in range(3)])
    spans = finished(recorder, exporter)

    messages = [one for one in spans if one.name == "process person.events"]
    [batch] = [one for one in spans if one.name == "process batch person.events"]
    assert batch.attributes is not None
    assert batch.attributes["messaging.batch.message_count"] == 3
    assert [link.context.span_id for link in batch.links] == [one.parent.span_id for one in messages if one.parent]
    assert {one.name for one in spans if one.parent is not None and one.parent.span_id == batch.context.span_id} == {
        "fold_persons",
        "project_summary",
        "announce fold_persons",
        "announce project_summary",
    }
    for number, one in enumerate(messages):
        assert one.kind is SpanKind.CONSUMER
        assert dict(one.attributes or {}) == {
            "messaging.system": "kafka",
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.destination.name": "person.events",
            "messaging.destination.partition.id": "3",
            "messaging.consumer.group.name": "person",
            "messaging.message.id": str(uuid.UUID(int=uuid.UUID(EVENT).int + number)),
            "messaging.message.conversation_id": ROOT,
            "messaging.kafka.offset": number,
            "person.message.type": "person.created",
            "person.stream.sequence": number + 100,
            "x": "y",
        }
        assert [link.context.span_id for link in one.links] == [batch.context.span_id]
        assert [event.name for event in one.events] == ["durable"]


async def test_agents_that_had_nothing_to_do_have_no_span(
    recorder: SpanRecorder, exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracing.cycles.SHORTEST_STEP_NS", 10**10)
    await cycle(recorder, [event_record(1)])

    assert {one.name for one in finished(recorder, exporter)} == {
        "process person.events",
        "process batch person.events",
    }


async def test_a_record_that_a_lane_gets_twice_has_one_span(
    recorder: SpanRecorder, exporter: InMemorySpanExporter
) -> None:
    lane = TracedLane("person.events", "person", is_foreign=False)
    [agent] = traced_agents(recorder, lane, [Folding("fold_persons")], lambda *_: {})
    for records in ([event_record(1)], [event_record(1), event_record(2)]):
        batch = Batch(0, records, {})
        await agent.process(batch)
        await agent.committed(batch)

    spans = [one for one in finished(recorder, exporter) if one.name == "process person.events"]
    assert [(one.attributes or {})["person.stream.sequence"] for one in spans] == [101, 102]


async def test_a_cycle_without_a_sampled_message_has_no_span(recorder: SpanRecorder) -> None:
    await cycle(recorder, [event_record(1, sampled=False), Record(2, b"", b"no message", {}, 0)])

    assert recorder.written == 0


async def test_a_large_cycle_is_recorded_in_part_and_says_so(
    recorder: SpanRecorder, exporter: InMemorySpanExporter
) -> None:
    await cycle(recorder, [event_record(number) for number in range(AT_ONCE + 7)])

    spans = finished(recorder, exporter)
    [batch] = [one for one in spans if one.name.startswith("process batch")]
    assert len([one for one in spans if one.name == "process person.events"]) == AT_ONCE
    assert len(batch.links) == MAX_LINKS
    assert recorder.dropped[TOO_MANY] == 7


async def test_spans_that_cannot_be_written_do_not_hold_a_lane_up(
    recorder: SpanRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> Any:
        raise ZeroDivisionError

    agents = traced_agents(
        recorder, TracedLane("person.events", "person", is_foreign=False), [Folding("fold_persons")], fails
    )
    batch = Batch(0, [event_record(1)], {})
    await agents[0].process(batch)
    await agents[0].committed(batch)

    assert "a cycle of person.events has no spans" in caplog.text


def test_an_agent_is_asked_to_forget_behind_its_wrapper(recorder: SpanRecorder) -> None:
    inner = Folding("fold_persons")
    [agent] = traced_agents(recorder, TracedLane("t", "g", is_foreign=False), [inner], lambda *_: {})
    agent.forget(5)

    assert inner.forgotten == [5]


class Collector(SpanExporter):
    """Takes nothing until it may, and then says what it was told to."""

    def __init__(self, result: SpanExportResult) -> None:
        import threading

        self.may = threading.Event()
        self.taking = threading.Event()
        self._result = result

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.taking.set()
        self.may.wait()
        return self._result


def write(recorder: SpanRecorder, number: int) -> None:
    recorder.write("x", SpanKind.INTERNAL, 1, number, None, began_ns=1, ended_ns=2, attributes={})


def test_spans_for_which_a_collector_has_no_room_are_dropped_and_counted() -> None:
    collector = Collector(SpanExportResult.SUCCESS)
    recorder = SpanRecorder(collector, Resource({}), max_queue=512)
    for number in range(1, 2000):
        write(recorder, number)
    assert collector.taking.wait(10)
    dropped = recorder.dropped[QUEUE_FULL]
    collector.may.set()
    recorder._provider.shutdown()

    assert recorder.written + recorder.dropped[QUEUE_FULL] == 1999
    assert dropped >= 1999 - 2 * 512 - 512
    assert recorder.dropped[NOT_EXPORTED] == 0


def test_spans_that_a_collector_refuses_are_counted() -> None:
    collector = Collector(SpanExportResult.FAILURE)
    collector.may.set()
    recorder = SpanRecorder(collector, Resource({}), max_queue=512)
    for number in range(1, 8):
        write(recorder, number)
    recorder._provider.shutdown()

    assert recorder.dropped[NOT_EXPORTED] == 7


async def test_a_collector_that_hangs_does_not_hold_a_stop_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracing.recorder.CLOSE_BUDGET_S", 0.1)
    collector = Collector(SpanExportResult.SUCCESS)
    recorder = SpanRecorder(collector, Resource({}), max_queue=512)
    write(recorder, 1)
    async with asyncio.timeout(60):
        await recorder.close()
    collector.may.set()
