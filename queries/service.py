"""NATS services `person.queries.*` on every worker: any worker answers, the owner of the partition reads.

Guarantee: an answer comes from the owner of the partition or is an error with a code; with `min_position` it reflects that position
or says not_ready. Protocol: NATS ADR-32 (services)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Any

import nats.micro
import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.micro.request import Request
from nats.micro.service import Service

from config.version import VERSION
from lanes.failure import stack_of
from queries.endpoints import ENDPOINTS, Endpoint
from queries.frame import END_OF_STREAM, Query, QueryError, answer, items, parse, refusal
from queries.tables_of_worker import WorkerTables

logger = logging.getLogger(__name__)

TOO_LARGE = QueryError("overloaded", "the answer is larger than one message may be; ask for a part of it")

REPLY_SLACK_S = 0.3
STOP_BUDGET_S = 0.5
RETRY_S = 0.05
"""How long to wait before asking again for the owner of a partition that is on its way to another worker."""


class QueryService:
    """The query side of one worker."""

    def __init__(self, nc: Client, tables: WorkerTables, *, app_id: str) -> None:
        self._nc = nc
        self._tables = tables
        self._app_id = app_id
        self._service: Service | None = None
        self._internal: dict[int, Subscription] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Offer all endpoints to clients."""
        self._service = await nats.micro.add_service(
            self._nc, name="person-queries", version=VERSION, description="Questions over the person tables"
        )
        group = self._service.add_group(name="person.queries")
        for endpoint in ENDPOINTS.values():
            await group.add_endpoint(name=endpoint.name, subject=endpoint.name, handler=self._handler(endpoint))

    async def stop(self) -> None:
        """Withdraw the endpoints, answer what can be answered at once and leave the rest to the asker's next try."""
        await self.disown(frozenset(self._internal))
        if self._service is not None:
            await self._service.stop()
            self._service = None
        if self._running:
            _, pending = await asyncio.wait(self._running, timeout=STOP_BUDGET_S)
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)

    async def own(self, partitions: frozenset[int]) -> None:
        """Answer for partitions on behalf of other workers."""
        for partition in partitions - self._internal.keys():
            self._internal[partition] = await self._nc.subscribe(
                self._owner_subject(partition), cb=self._answer_other_worker
            )

    async def disown(self, partitions: frozenset[int]) -> None:
        """Stop answering for partitions."""
        for partition in partitions & self._internal.keys():
            subscription = self._internal.pop(partition)
            if not self._nc.is_closed:
                await subscription.unsubscribe()

    def _handler(self, endpoint: Endpoint) -> Any:
        async def handle(request: Request) -> None:
            # A query may wait for a position; others must not wait behind it.
            task = asyncio.get_running_loop().create_task(self._reply(endpoint, request))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

        return handle

    async def _reply(self, endpoint: Endpoint, request: Request) -> None:
        streamed = False
        try:
            query = parse(endpoint.request, request.data)
            streamed = query.stream
            if streamed and not endpoint.streams:
                raise QueryError(
                    "invalid_query", "stream: this answer fits one message", field="stream", rule="unsupported"
                )
            data, positions = await self._ask(endpoint, query, request.data)
            replies = items(data) if streamed else [answer(data, positions)]
        except QueryError as error:
            replies = [refusal(error)]
        except TimeoutError:
            replies = [refusal(QueryError("timeout", "the answer took longer than timeout_ms"))]
        except Exception as error:
            logger.error("query %s failed: %s", endpoint.name, stack_of(error))
            replies = [refusal(QueryError("internal_error", "the query failed; the worker's log says why"))]
        if any(len(reply) > self._nc.max_payload for reply in replies):
            replies = [refusal(TOO_LARGE)]
        # An answer that cannot be sent is missed by the asker's time-out; there is nobody else to tell.
        with contextlib.suppress(NatsError):
            for reply in replies:
                await request.respond(reply)
            if streamed:
                await request.respond(END_OF_STREAM)

    async def _ask(self, endpoint: Endpoint, query: Query, data: bytes) -> tuple[Any, list[dict[str, int]]]:
        partitions = endpoint.partitions(query, self._tables.partitions)
        async with asyncio.timeout(query.timeout_ms / 1000 + 2 * REPLY_SLACK_S):
            results = await asyncio.gather(
                *(self._of_partition(endpoint, partition, query, data) for partition in partitions),
                return_exceptions=endpoint.any_partition,
            )
        return _joined(endpoint, results)

    async def _of_partition(
        self, endpoint: Endpoint, partition: int, query: Query, data: bytes
    ) -> tuple[Any, dict[str, int]]:
        deadline = asyncio.get_running_loop().time() + query.timeout_ms / 1000
        while True:
            if partition in self._tables.owned():
                return await self._read(endpoint, partition, query)
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                raise QueryError("unavailable", "no worker owns the partition now", partition=partition)
            try:
                body = orjson.dumps({"endpoint": endpoint.name, "partition": partition, "query": data.decode()})
                # The owner waits as long as we do; its answer still has to come back.
                reply = await self._nc.request(self._owner_subject(partition), body, timeout=left + REPLY_SLACK_S)
            except (NoRespondersError, NatsTimeoutError):
                await asyncio.sleep(RETRY_S)
                continue
            found = orjson.loads(reply.data)
            if found["ok"]:
                return found["data"], found["position"][0]
            error = found["error"]
            if error["code"] == "unavailable":
                # The partition was on its way when the question arrived.
                await asyncio.sleep(RETRY_S)
                continue
            raise QueryError(error["code"], error["reason"], **error.get("facts", {}))

    async def _read(self, endpoint: Endpoint, partition: int, query: Query) -> tuple[Any, dict[str, int]]:
        wanted = query.wanted(partition)
        if wanted and not await self._tables.positions.reached(partition, wanted, query.timeout_ms / 1000):
            raise QueryError("not_ready", "the position is not applied yet", position=self._tables.position(partition))
        if partition not in self._tables.owned():
            raise QueryError("unavailable", "the partition moved", partition=partition)
        return await endpoint.answer(self._tables, partition, query), self._tables.position(partition)

    async def _answer_other_worker(self, message: Msg) -> None:
        asked = orjson.loads(message.data)
        endpoint = ENDPOINTS[asked["endpoint"]]

        async def reply() -> None:
            try:
                query = parse(endpoint.request, asked["query"].encode())
                data, position = await self._read(endpoint, asked["partition"], query)
                body = answer(data, [position])
            except QueryError as error:
                body = refusal(error)
            except Exception as error:
                logger.error("query %s for another worker failed: %s", endpoint.name, stack_of(error))
                body = refusal(QueryError("internal_error", "the query failed; the owner's log says why"))
            with contextlib.suppress(NatsError):
                await message.respond(body if len(body) <= self._nc.max_payload else refusal(TOO_LARGE))

        task = asyncio.get_running_loop().create_task(reply())
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def _owner_subject(self, partition: int) -> str:
        return f"person.internal.{self._app_id}.{partition}"


def _joined(endpoint: Endpoint, results: Sequence[Any]) -> tuple[Any, list[dict[str, int]]]:
    if endpoint.any_partition:
        found = [result for result in results if not isinstance(result, BaseException)]
        if found:
            return found[0][0], [found[0][1]]
        errors = [result for result in results if isinstance(result, BaseException)]
        # "Not found" is only true when every partition said so.
        raise next((e for e in errors if not (isinstance(e, QueryError) and e.code == "not_found")), errors[0])
    if len(results) == 1:
        return results[0][0], [results[0][1]]
    return [row for data, _ in results for row in data], [position for _, position in results]
