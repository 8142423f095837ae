"""One question of a client on its way through the owners of partitions: this worker's own tables, or the internal subject of another
worker, until somebody owns the partition or the time is over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import orjson
from nats.aio.client import Client
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError

from domain.partitions import partition_of
from queries.endpoint import Found, Gathered, Read
from queries.frame import Query, QueryError, refused
from queries.tables_of_worker import WorkerTables

if TYPE_CHECKING:
    from queries.dead_letters.desk import DeadLetterDesk
    from queries.subscriptions.subscriptions import Subscriptions

Q = TypeVar("Q", bound=Query)
Here = Callable[[Read[Any], int, Any], Awaitable[Found]]
"""Reads the tables of this worker."""

Answers = dict[int, Found | QueryError]

UNOWNED = QueryError("unavailable", "no worker owns the partition now")
REPLY_SLACK_S = 0.3
RETRY_S = 0.05
"""How long to wait before asking again for the owner of a partition that is on its way to another worker."""


class KnownOwners:
    """Which other worker owned a partition when it answered last. A guess: who is asked in vain is asked again one by one."""

    def __init__(self) -> None:
        self._workers: dict[int, str] = {}

    def learn(self, worker: str, partitions: Iterable[int]) -> None:
        """A worker has answered for partitions."""
        self._workers.update(dict.fromkeys(partitions, worker))

    def forget(self, partitions: Iterable[int]) -> None:
        """Nobody has answered for partitions."""
        for partition in partitions:
            self._workers.pop(partition, None)

    def grouped(self, partitions: Iterable[int], own: Collection[int]) -> Sequence[Sequence[int]]:
        """The same partitions: those of another worker together, the own ones and those of nobody known each alone."""
        groups: dict[object, list[int]] = {}
        for partition in partitions:
            worker = None if partition in own else self._workers.get(partition)
            groups.setdefault(partition if worker is None else worker, []).append(partition)
        return list(groups.values())


class Asking:
    """The questions to owners that one request of a client needs. `timeout_s` begins when it is made."""

    def __init__(
        self,
        nc: Client,
        tables: WorkerTables,
        here: Here,
        live: Subscriptions,
        owners: KnownOwners,
        *,
        app_id: str,
        timeout_s: float | None,
        window: int | None = None,
        traceparent: str | None = None,
        principal: str | None = None,
    ) -> None:
        self.partitions = tables.partitions
        self.window = window
        self.traceparent = traceparent
        self.principal = principal
        self.live = live
        self._nc = nc
        self._tables = tables
        self._here = here
        self._owners = owners
        self._app_id = app_id
        self._until = None if timeout_s is None else asyncio.get_running_loop().time() + timeout_s

    @property
    def dead_letters(self) -> DeadLetterDesk:
        """Where operators bring dead letters; raises QueryError on a worker without them."""
        if self._tables.dead_letters is None:
            raise QueryError("unavailable", "the worker serves no dead letters")
        return self._tables.dead_letters

    def partition_of(self, person_id: str) -> int:
        """The partition of a person."""
        return partition_of(person_id, self.partitions)

    async def one(self, read: Read[Q], partition: int, request: Q) -> Found:
        """What the owner of a partition answers; raises QueryError."""
        deadline = self._deadline(request)
        while True:
            left = deadline - asyncio.get_running_loop().time()
            found: Found | QueryError
            if partition in self._tables.owned():
                found = await self._of_here(read, partition, request)
            elif left > 0:
                found = (await self._of_worker(read, (partition,), request, left))[partition]
            else:
                raise QueryError("unavailable", "no worker owns the partition now", partition=partition)
            if isinstance(found, Found):
                return found
            if found.code != "unavailable" or asyncio.get_running_loop().time() >= deadline:
                raise found
            # The partition was on its way when the question arrived.
            await asyncio.sleep(RETRY_S)

    async def each(self, read: Read[Q], request: Q, partitions: Sequence[int] | None = None) -> Sequence[Found]:
        """The answers of several partitions, all when none are named; raises QueryError when one gives none."""
        asked = range(self.partitions) if partitions is None else partitions
        return await asyncio.gather(*(self.one(read, partition, request) for partition in asked))

    async def reachable(self, read: Read[Q], request: Q, partitions: Sequence[int] | None = None) -> Gathered:
        """As `each`, without the partitions that are not served in time; raises QueryError for any other error.

        Partitions that are known to belong to one other worker are asked for in one message.
        """
        asked = range(self.partitions) if partitions is None else partitions
        groups = self._owners.grouped(asked, self._tables.owned())
        answers = {
            partition: answer
            for group in await asyncio.gather(*(self._of_group(read, group, request) for group in groups))
            for partition, answer in group.items()
        }
        found: list[Found] = []
        silent: list[int] = []
        for partition in asked:
            answer = answers[partition]
            if isinstance(answer, Found):
                found.append(answer)
            elif answer.code == "unavailable":
                silent.append(partition)
            else:
                raise answer
        if not found:
            raise QueryError("unavailable", "no worker owns any of the partitions now", partitions=silent)
        return Gathered(found, silent)

    async def _of_group(self, read: Read[Q], partitions: Sequence[int], request: Q) -> Answers:
        answers: Answers = {}
        if len(partitions) > 1:
            left = self._deadline(request) - asyncio.get_running_loop().time()
            answers = await self._of_worker(read, partitions, request, max(0.0, left))
        moved = [partition for partition in partitions if _is_unavailable(answers.get(partition))]
        again = await asyncio.gather(*(self._or_error(read, partition, request) for partition in moved))
        return {**answers, **dict(zip(moved, again, strict=True))}

    async def _or_error(self, read: Read[Q], partition: int, request: Q) -> Found | QueryError:
        try:
            return await self.one(read, partition, request)
        except QueryError as error:
            return error

    async def _of_here(self, read: Read[Q], partition: int, request: Q) -> Found | QueryError:
        try:
            return await self._here(read, partition, request)
        except QueryError as error:
            return error

    async def _of_worker(self, read: Read[Q], partitions: Sequence[int], request: Q, left: float) -> Answers:
        """What the owner of the first of some partitions answers for all of them; `unavailable` for those that it does not own."""
        body = {"read": read.name, "partitions": partitions, "query": request.model_dump_json(by_alias=True)}
        try:
            reply = await self._nc.request(
                owner_subject(self._app_id, partitions[0]),
                orjson.dumps(body),
                # The owner waits as long as we do; its answer still has to come back.
                timeout=left + REPLY_SLACK_S,
            )
        except (NoRespondersError, NatsTimeoutError):
            self._owners.forget(partitions)
            return dict.fromkeys(partitions, UNOWNED)
        found = orjson.loads(reply.data)
        answers: Answers = {
            partition: Found(one["data"], one["position"][0]) if one["ok"] else refused(one["error"])
            for partition, one in zip(partitions, found["answers"], strict=True)
        }
        self._owners.learn(found["worker"], (one for one in partitions if not _is_unavailable(answers[one])))
        return answers

    def _deadline(self, request: Query) -> float:
        own = asyncio.get_running_loop().time() + request.timeout_ms / 1000
        return own if self._until is None else min(own, self._until)


def _is_unavailable(answer: Found | QueryError | None) -> bool:
    return answer is None or (isinstance(answer, QueryError) and answer.code == "unavailable")


def owner_subject(app_id: str, partition: int) -> str:
    """Where the owner of a partition answers other workers."""
    return f"person.internal.{app_id}.{partition}"
