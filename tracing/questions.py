"""Spans of queries: one for each question of a client, and below it one for each time that owners of partitions were asked.

Guarantee: a span says which query it was, how long it took, how many rows came and from whom none came; never what was asked or answered."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final, Protocol, TypeVar

from opentelemetry.trace import SpanKind

from lanes.failure import stack_of
from tracing.message import TraceParent, read_traceparent, span_id_of, trace_id_of
from tracing.recorder import SpanRecorder

logger = logging.getLogger(__name__)

MAX_READS: Final = 32
"""Reads of one question that have spans; all are counted."""


class Question(Protocol):
    """How one query is answered: `answer` in one message, `rows` one by one."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def name(self) -> str:
        """The query."""

    @property
    def answer(self) -> Callable[[Any, Any], Awaitable[Any]]:
        """Gets who asks the owners, and the request; gives `data` and the partitions that were `silent`."""

    @property
    def rows(self) -> Callable[[Any, Any], AsyncIterator[Any]] | None:
        """The same as rows."""


Q = TypeVar("Q", bound=Question)


def traced_questions(recorder: SpanRecorder, endpoints: Mapping[str, Q]) -> dict[str, Q]:
    """The same queries, each question with its spans. Its trace is that of its asker, else one of its own."""
    return {name: _traced(recorder, endpoint) for name, endpoint in endpoints.items()}


def _traced(recorder: SpanRecorder, endpoint: Q) -> Q:
    answer, rows = endpoint.answer, endpoint.rows

    async def traced_answer(ask: Any, query: Any) -> Any:
        question = _begun(recorder, ask, endpoint.name)
        if question is None:
            return await answer(ask, query)
        with question:
            given = await answer(_TracedAsk(ask, question), query)
            question.rows = len(given.data) if isinstance(given.data, list) else int(given.data is not None)
            question.silent = len(given.silent)
            return given

    async def traced_rows(ask: Any, query: Any) -> AsyncIterator[Any]:
        assert rows is not None
        question = _begun(recorder, ask, endpoint.name)
        if question is None:
            async with contextlib.aclosing(rows(ask, query)) as found:  # type: ignore[type-var]
                async for row in found:
                    yield row
            return
        with question:
            async with contextlib.aclosing(rows(_TracedAsk(ask, question), query)) as found:  # type: ignore[type-var]
                async for row in found:
                    question.rows += 1
                    yield row

    made: Q = replace(endpoint, answer=traced_answer, rows=None if rows is None else traced_rows)
    return made


def _begun(recorder: SpanRecorder, ask: Any, name: str) -> _Asked | None:
    """A question, None for one whose trace is not recorded."""
    parent = read_traceparent(ask.traceparent)
    question_id = uuid.uuid4().hex
    trace_id = trace_id_of(question_id) if parent is None else parent.trace_id
    return _Asked(recorder, name, question_id, trace_id, parent) if recorder.samples(trace_id, parent) else None


@dataclass
class _Asked:
    """A question while it is answered; its spans are written when it is over."""

    recorder: SpanRecorder
    name: str
    question_id: str
    trace_id: int
    parent: TraceParent | None
    began_ns: int = field(default_factory=time.time_ns)
    rows: int = 0
    silent: int = 0
    reads: int = 0

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        attributes: dict[str, str | int | bool] = {
            "rpc.system": "nats",
            "rpc.service": "person.queries",
            "rpc.method": self.name,
            "person.query.rows": self.rows,
            "person.query.reads": self.reads,
            "person.query.partial": self.silent > 0,
        }
        if self.silent:
            attributes["person.query.silent_partitions"] = self.silent
        parent_id = None if self.parent is None else self.parent.span_id
        self._write(f"query {self.name}", SpanKind.SERVER, self._span_id, parent_id, self.began_ns, attributes, error)

    @contextlib.contextmanager
    def reading(self, name: str, attributes: Mapping[str, str | int]) -> Iterator[dict[str, str | int]]:
        """A read of it; what is added to the attributes meanwhile is told too."""
        self.reads += 1
        number, began, said = self.reads, time.time_ns(), dict(attributes)
        error: BaseException | None = None
        try:
            yield said
        except BaseException as raised:
            error = raised
            raise
        finally:
            if number <= MAX_READS:
                span_id = span_id_of(self.question_id, f"read {number}")
                self._write(f"read {name}", SpanKind.INTERNAL, span_id, self._span_id, began, said, error)

    @property
    def _span_id(self) -> int:
        return span_id_of(self.question_id, "query")

    def _write(
        self,
        name: str,
        kind: SpanKind,
        span_id: int,
        parent_id: int | None,
        began_ns: int,
        attributes: Mapping[str, str | int | bool],
        error: BaseException | None,
    ) -> None:
        try:
            self.recorder.write(
                name,
                kind,
                self.trace_id,
                span_id,
                parent_id,
                began_ns=began_ns,
                ended_ns=time.time_ns(),
                attributes=attributes,
                error=_kind_of(error),
            )
        except Exception as raised:
            # The asker has its answer all the same.
            logger.error("a query has no span: %s", stack_of(raised))


class _TracedAsk:
    """What asks the owners of partitions for one question, with a span for each time."""

    def __init__(self, ask: Any, question: _Asked) -> None:
        self._ask = ask
        self._question = question

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ask, name)

    async def one(self, read: Any, partition: int, request: Any) -> Any:
        with self._question.reading(read.name, {"messaging.destination.partition.id": str(partition)}):
            return await self._ask.one(read, partition, request)

    async def each(self, read: Any, request: Any, partitions: Sequence[int] | None = None) -> Any:
        with self._question.reading(read.name, self._of(partitions)):
            return await self._ask.each(read, request, partitions)

    async def reachable(self, read: Any, request: Any, partitions: Sequence[int] | None = None) -> Any:
        with self._question.reading(read.name, self._of(partitions)) as said:
            gathered = await self._ask.reachable(read, request, partitions)
            if gathered.silent:
                said["person.query.silent_partitions"] = len(gathered.silent)
            return gathered

    def _of(self, partitions: Sequence[int] | None) -> dict[str, int]:
        return {"person.query.partitions": self._ask.partitions if partitions is None else len(partitions)}


def _kind_of(error: BaseException | None) -> str | None:
    """The code of an error that has one, else its kind; nobody's text."""
    if error is None or isinstance(error, GeneratorExit):
        return None
    if isinstance(error, asyncio.CancelledError):
        return "cancelled"
    code = getattr(error, "code", None)
    return code if isinstance(code, str) else type(error).__name__
