"""NATS services `person.queries.*` on every worker: any worker answers, the owner of the partition reads.

Guarantee: an answer comes from the owner of the partition or is an error with a code; with `min_position` it reflects that position
or says not_ready. A streamed answer is made no faster than it is read. Protocol: NATS ADR-32 (services)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any

import nats.micro
import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.micro.request import Request
from nats.micro.service import Service

from config.streams import EVENTS, SAGAS
from config.version import VERSION
from lanes.failure import stack_of
from queries.asking import REPLY_SLACK_S, Asking, KnownOwners, owner_subject
from queries.authorisation.denials import Audited
from queries.authorisation.port import Asked, closed_to_all
from queries.authorisation.principal_subject import NAMED_QUERIES, QUERIES, REPLY_SUBJECT, named, principal_in
from queries.endpoint import Endpoint, Found, Read
from queries.endpoints import ENDPOINTS, READS
from queries.frame import END_OF_STREAM, ITEMS_PER_MESSAGE, Query, QueryError, answer, items, parse, refusal
from queries.indexed import indexed_position, processes_of
from queries.outflow import MAX_WINDOW, WINDOW_HEADER, Outflow, Outflows, ReaderGoneError, ReaderSlowError, window_in
from queries.processes import Processes, of_sagas
from queries.query_measures import ANSWERED, QueryMeasures
from queries.subscriptions.subscriptions import Subscriptions
from queries.tables_of_worker import WorkerTables

logger = logging.getLogger(__name__)

TOO_LARGE = QueryError(
    "overloaded", "the answer is larger than one message may be; ask for a part of it or for a stream"
)
TOO_LONG = QueryError(
    "invalid_query", "request: is larger than a request of a query may be", field="request", rule="too_long"
)
ALONE = QueryError("unavailable", "the answers of the partitions do not fit one message together")
NO_STREAM = QueryError("invalid_query", "stream: this answer fits one message", field="stream", rule="unsupported")
WRONG_WINDOW = QueryError(
    "invalid_query",
    f"header {WINDOW_HEADER}: must be a number from 1 to {MAX_WINDOW}",
    field=WINDOW_HEADER,
    rule="window",
)
BUSY = QueryError("overloaded", "the worker answers as many queries as it may; ask again")
FAILED = QueryError("internal_error", "the query failed; the worker's log says why")
LATE = QueryError("timeout", "the answer took longer than timeout_ms")
SLOW = QueryError("timeout", "the reader acknowledged nothing for too long")

TRACEPARENT = "traceparent"
"""The header in which an asker names its trace (W3C trace context)."""
MESSAGE_BYTES = 256 << 10
"""A streamed message is closed when it holds this much."""
MAX_REQUEST_BYTES = 2 << 20
"""Largest request of a query; an edited copy of the largest command fits."""
MAX_RUNNING = 2000
"""Queries and streams of clients that one worker answers at a time; what waits for a position counts."""
STOP_BUDGET_S = 0.5


class QueryService:
    """The query side of one worker."""

    def __init__(
        self,
        nc: Client,
        tables: WorkerTables,
        *,
        app_id: str,
        authorise: Audited | None = None,
        endpoints: Mapping[str, Endpoint] = ENDPOINTS,
    ) -> None:
        self._nc = nc
        self._endpoints = endpoints
        self._tables = tables
        self._app_id = app_id
        self._authorise = authorise or Audited(closed_to_all)
        self._name = uuid.uuid4().hex
        self._owners = KnownOwners()
        self._service: Service | None = None
        self._is_offered = False
        self._offered: tuple[str, ...] = ()
        self._internal: dict[int, Subscription] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._outflows = Outflows(nc)
        self._live = Subscriptions(nc, self._outflows, self._asking, app_id=app_id)
        self.measures = QueryMeasures()
        self.on_session_over = self._live.on_session_over
        """Each is told of a session of a live subscription that is over."""

    def subscriptions(self) -> int:
        """How many live subscriptions this worker serves."""
        return self._live.served()

    @property
    def subjects(self) -> tuple[str, ...]:
        """How the subjects begin on which clients are answered; empty before the start and behind the end."""
        return self._offered

    @property
    def is_offered(self) -> bool:
        """Whether clients find all endpoints at this worker."""
        return self._is_offered

    @property
    def partitions(self) -> frozenset[int]:
        """Partitions for which it answers other workers."""
        return frozenset(self._internal)

    async def start(self, subjects: Sequence[str] = (QUERIES, NAMED_QUERIES)) -> None:
        """Offer all endpoints to clients."""
        self._authorise.say_if_closed()
        await self._outflows.start()
        await self._live.start()
        await self.offer(subjects)

    async def offer(self, subjects: Sequence[str]) -> None:
        """Offer all endpoints under subjects that begin like these, and no longer under those before."""
        subjects = tuple(subjects)
        if subjects == self._offered:
            return
        before = self._service
        self._service = await nats.micro.add_service(
            self._nc, name="person-queries", version=VERSION, description="Questions over the person tables"
        )
        for prefix in subjects:
            group = self._service.add_group(name=prefix)
            for endpoint in self._endpoints.values():
                await group.add_endpoint(name=endpoint.name, subject=endpoint.name, handler=self._handler(endpoint))
        self._is_offered = True
        if before is not None:
            # Stopping drops the questions that are on their way; nobody else would answer those.
            endpoints, before._endpoints = before._endpoints, []
            await asyncio.gather(*(one._subscription.drain() for one in endpoints if one._subscription is not None))
            await before.stop()
        # Only now is nobody answered any more on the others.
        self._offered = subjects

    async def stop(self) -> None:
        """Withdraw the endpoints, answer what can be answered at once and leave the rest to the asker's next try."""
        self._is_offered = False
        await self.disown(frozenset(self._internal))
        if self._service is not None:
            await self._service.stop()
            self._service = None
        await self._live.stop()
        if self._running:
            _, pending = await asyncio.wait(self._running, timeout=STOP_BUDGET_S)
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)
        await self._outflows.stop()

    async def follow_nobody(self, rest: bool, next_partitions: int = 0) -> None:
        """While it rests, end all live subscriptions and take over none: their readers go on with owners of `next_partitions` partitions."""
        await self._live.rest(rest, next_partitions)

    def asking(self, timeout_s: float) -> Asking:
        """A question of this worker itself, to be answered within a time."""
        return self._asking(timeout_s)

    async def own(self, partitions: frozenset[int]) -> None:
        """Answer for partitions on behalf of other workers."""
        for partition in partitions - self._internal.keys():
            self._internal[partition] = await self._nc.subscribe(
                owner_subject(self._app_id, partition), cb=self._answer_other_worker
            )

    async def disown(self, partitions: frozenset[int]) -> None:
        """Stop answering for partitions."""
        for partition in partitions & self._internal.keys():
            subscription = self._internal.pop(partition)
            if not self._nc.is_closed:
                await subscription.unsubscribe()

    def _handler(self, endpoint: Endpoint) -> Any:
        async def handle(request: Request) -> None:
            asked = Asked(principal_in(request.subject), "query", endpoint.name)
            if not REPLY_SUBJECT.fullmatch(request._msg.reply or ""):
                self._authorise.record(asked, "the answer was wanted elsewhere than in an inbox")
                return
            if len(self._running) >= MAX_RUNNING:
                self.measures.count(endpoint.name, BUSY.code)
                with contextlib.suppress(NatsError):
                    await request.respond(refusal(BUSY))
                return
            # A query may wait for a position; others must not wait behind it.
            self._run(self._reply(endpoint, request, asked))

        return handle

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def _asking(
        self,
        timeout_s: float | None,
        window: int | None = None,
        traceparent: str | None = None,
        principal: str | None = None,
    ) -> Asking:
        return Asking(
            self._nc,
            self._tables,
            self._read,
            self._live,
            self._owners,
            app_id=self._app_id,
            timeout_s=timeout_s,
            window=window,
            traceparent=traceparent,
            principal=principal,
        )

    async def _reply(self, endpoint: Endpoint, request: Request, asked: Asked) -> None:
        # An answer that cannot be sent is missed by the asker's time-out; there is nobody else to tell.
        with contextlib.suppress(NatsError):
            try:
                verdict = self._authorise(asked)
                if not verdict.allowed:
                    raise QueryError("forbidden", verdict.reason)
                if len(request.data) > MAX_REQUEST_BYTES:
                    raise TOO_LONG
                query = parse(endpoint.request, request.data)
                window, traceparent = _window(request), (request.headers or {}).get(TRACEPARENT)
                if query.stream:
                    if endpoint.rows is None:
                        raise NO_STREAM
                    rows = endpoint.rows(self._asking(None, traceparent=traceparent), query)
                    self.measures.count(endpoint.name, await self._stream(rows, request._msg.reply, window))
                    return
                with self.measures.timed(endpoint.name):
                    reply = await self._answered(endpoint, query, window, traceparent, named(asked.who))
            except Exception as error:
                told = _told(endpoint.name, error)
                self.measures.count(endpoint.name, told.code)
                await request.respond(refusal(told))
                if _asked_for_a_stream(request.data):
                    await request.respond(END_OF_STREAM)
                return
            fits = len(reply) <= self._nc.max_payload
            self.measures.count(endpoint.name, ANSWERED if fits else TOO_LARGE.code)
            await request.respond(reply if fits else refusal(TOO_LARGE))

    async def _answered(
        self, endpoint: Endpoint, query: Query, window: int | None, traceparent: str | None, principal: str | None
    ) -> bytes:
        timeout_s = query.timeout_ms / 1000
        async with asyncio.timeout(timeout_s + 2 * REPLY_SLACK_S):
            return (await endpoint.answer(self._asking(timeout_s, window, traceparent, principal), query)).encoded()

    async def _stream(self, rows: AsyncIterator[Any], subject: str, window: int | None) -> str:
        """Send all rows and the end; returns the code of what went wrong, or ANSWERED."""
        code = ANSWERED
        with self._outflows.to(subject, window) as flow:
            try:
                async with contextlib.aclosing(rows) as open_rows:  # type: ignore[type-var]
                    await self._send_rows(flow, open_rows)
            except ReaderGoneError:
                return code
            except Exception as error:
                # What went wrong comes in the place of the next items, whatever the window says.
                told = _told("stream", error)
                code = told.code
                await self._nc.publish(subject, refusal(told))
            await self._nc.publish(subject, END_OF_STREAM)
        return code

    async def _send_rows(self, flow: Outflow, rows: AsyncIterator[Any]) -> None:
        held: list[orjson.Fragment] = []
        size = 0
        async for row in rows:
            encoded = orjson.dumps(row)
            if held and (len(held) == ITEMS_PER_MESSAGE or size + len(encoded) > MESSAGE_BYTES):
                await flow.send(partial(items, held))
                held, size = [], 0
            if len(encoded) + 64 > self._nc.max_payload:
                raise TOO_LARGE
            held.append(orjson.Fragment(encoded))
            size += len(encoded)
        if held:
            await flow.send(partial(items, held))

    async def _read(self, read: Read[Any], partition: int, query: Any) -> Found:
        # Whoever is not the owner has no say, not even that something is not ready.
        self._require_owned(partition)
        try:
            found = await self._read_tables(read, partition, query)
        except Exception:
            # The tables may have been closed meanwhile.
            self._require_owned(partition)
            raise
        self._require_owned(partition)
        return found

    async def _read_tables(self, read: Read[Any], partition: int, query: Any) -> Found:
        source = processes_of(self._tables) if read.of_sagas else self._tables
        until = asyncio.get_running_loop().time() + query.timeout_ms / 1000
        if not read.of_sagas and query.wanted(partition, SAGAS):
            await self._applied(processes_of(self._tables), partition, query.wanted(partition, SAGAS), until)
        if read.of_sagas and query.wanted(partition):
            await self._applied(self._tables, partition, query.wanted(partition), until)
        wanted = query.wanted(partition, SAGAS if read.of_sagas else EVENTS)
        if read.indexed:
            left = max(0.0, until - asyncio.get_running_loop().time())
            position: dict[str, Any] = await indexed_position(self._tables, source.index, partition, wanted, left)
            position = of_sagas(position) if read.of_sagas else position
            return Found(await read.of(self._tables, partition, query), position)
        if wanted:
            await self._applied(source, partition, wanted, until)
        self._require_owned(partition)
        # Before the rows are read: what is applied meanwhile may be in them, what was applied before is.
        position = source.position(partition)
        return Found(await read.of(self._tables, partition, query), position)

    async def _applied(self, source: WorkerTables | Processes, partition: int, wanted: int, until: float) -> None:
        left = max(0.0, until - asyncio.get_running_loop().time())
        if not await source.positions.reached(partition, wanted, left):
            raise QueryError("not_ready", "the position is not applied yet", position=source.position(partition))

    def _require_owned(self, partition: int) -> None:
        if partition not in self._tables.owned():
            raise QueryError("unavailable", "the partition moved", partition=partition)

    async def _answer_other_worker(self, message: Msg) -> None:
        async def reply() -> None:
            asked = orjson.loads(message.data)
            partitions = asked["partitions"]
            answers = await asyncio.gather(*(self._for_other_worker(asked, partition) for partition in partitions))
            answers = _fitting(answers, self._nc.max_payload - 1024 - 256 * len(answers))
            with contextlib.suppress(NatsError):
                await message.respond(
                    orjson.dumps({"worker": self._name, "answers": [orjson.Fragment(one) for one in answers]})
                )

        self._run(reply())

    async def _for_other_worker(self, asked: Mapping[str, Any], partition: int) -> bytes:
        read = READS.get(asked["read"])
        try:
            if read is None:
                raise QueryError("unavailable", "the owner of the partition runs another version")
            query = parse(read.request, asked["query"].encode())
            # Nobody waits for it any longer.
            async with asyncio.timeout(query.timeout_ms / 1000 + REPLY_SLACK_S):
                found = await self._read(read, partition, query)
            return answer(found.data, [found.position])
        except Exception as error:
            return refusal(_told(f"{asked['read']} for another worker", error))


def _fitting(answers: Sequence[bytes], room: int) -> list[bytes]:
    """The answers of partitions in one message; those that do not fit with the others are to be asked for alone."""
    fitting: list[bytes] = []
    for one in answers:
        if len(one) > room:
            one = refusal(TOO_LARGE if len(answers) == 1 else ALONE)
        room -= len(one)
        fitting.append(one)
    return fitting


def _window(request: Request) -> int | None:
    try:
        return window_in(request.headers)
    except ValueError:
        raise WRONG_WINDOW from None


def _told(name: str, error: Exception) -> QueryError:
    """What an asker is told of an error."""
    if isinstance(error, QueryError):
        return error
    if isinstance(error, TimeoutError):
        return LATE
    if isinstance(error, ReaderSlowError):
        return SLOW
    logger.error("query %s failed: %s", name, stack_of(error))
    return FAILED


def _asked_for_a_stream(data: bytes) -> bool:
    """Whether a request that may be wrong wants its answer to be ended by an empty message."""
    try:
        asked = orjson.loads(data)
    except ValueError:
        return False
    return isinstance(asked, dict) and asked.get("stream") is True
