"""Who may answer for a partition, what becomes of a question whose partition moves meanwhile, and of answers that are too large or too many."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from queries import service
from queries.asking import Asking, KnownOwners, owner_subject
from queries.authorisation.denials import Audited
from queries.authorisation.port import closed_to_all, open_to_all
from queries.endpoint import Endpoint, Found, Read
from queries.frame import Answer, Query, QueryError
from queries.service import QueryService
from tables.position import AppliedPositions

Of = Callable[[Any, int, Query], Awaitable[Any]]

BEHIND = Query.model_validate({"min_position": {"partition": 3, "stream_sequence": 10}, "timeout_ms": 5000})


class OneWorker:
    """A query service over tables that belong to it as long as `owned` says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, of: Of, *, max_payload: int = 1 << 20) -> None:
        self.owned = frozenset({3})
        self.positions = AppliedPositions()
        tables: Any = SimpleNamespace(
            partitions=8,
            owned=lambda: self.owned,
            positions=self.positions,
            position=lambda partition: {
                "partition": partition,
                "stream_sequence": self.positions.applied(partition),
            },
        )
        self.read = Read("of_this_test", Query, of)
        monkeypatch.setattr(service, "READS", {self.read.name: self.read})
        nc: Any = SimpleNamespace(max_payload=max_payload)
        self.service = QueryService(nc, tables, app_id="owners", authorise=Audited(open_to_all))

    async def asked(self, query: Query) -> Found:
        return await self.service._read(self.read, 3, query)

    async def asked_by_another(self, *partitions: int, timeout_ms: int = 2000) -> Any:
        """The reply to a question of another worker."""
        replied: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        async def respond(data: bytes) -> None:
            replied.set_result(data)

        body = {"read": self.read.name, "partitions": partitions, "query": f'{{"timeout_ms": {timeout_ms}}}'}
        message: Any = SimpleNamespace(data=orjson.dumps(body), respond=respond)
        await self.service._answer_other_worker(message)
        return [one["data"] if one["ok"] else one["error"]["code"] for one in orjson.loads(await replied)["answers"]]


async def nothing(tables: Any, partition: int, query: Query) -> Any:
    return None


async def test_a_worker_that_is_not_the_owner_says_so_at_once_and_not_that_it_is_not_ready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worker = OneWorker(monkeypatch, nothing)
    worker.owned = frozenset()

    async with asyncio.timeout(1):
        with pytest.raises(QueryError) as refused:
            await worker.asked(BEHIND)
    assert refused.value.code == "unavailable"


async def test_a_partition_that_moves_while_its_position_is_waited_for_is_not_called_not_ready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worker = OneWorker(monkeypatch, nothing)
    asyncio.get_running_loop().call_soon(setattr, worker, "owned", frozenset())

    with pytest.raises(QueryError) as refused:
        await worker.asked(BEHIND.model_copy(update={"timeout_ms": 50}))
    assert refused.value.code == "unavailable"


@pytest.mark.parametrize("closed", [False, True])
async def test_what_was_read_from_tables_that_moved_meanwhile_is_no_answer(
    monkeypatch: pytest.MonkeyPatch, closed: bool
) -> None:
    async def moving(tables: Any, partition: int, query: Query) -> Any:
        worker.owned = frozenset()
        if closed:
            raise RuntimeError("the database is closed")
        return "a row of before"

    worker = OneWorker(monkeypatch, moving)

    with pytest.raises(QueryError) as refused:
        await worker.asked(Query())
    assert refused.value.code == "unavailable"


async def test_a_question_whose_partition_moves_goes_on_to_the_next_owner(
    monkeypatch: pytest.MonkeyPatch, nc: Client
) -> None:
    app_id = uuid.uuid4().hex

    async def of_the_next_owner(message: Msg) -> None:
        reply = {"ok": True, "data": "a row", "position": [{"partition": 3, "stream_sequence": 10}]}
        await message.respond(orjson.dumps({"worker": "next", "answers": [reply]}))

    listening = await nc.subscribe(owner_subject(app_id, 3), cb=of_the_next_owner)

    async def moving(tables: Any, partition: int, query: Query) -> Any:
        worker.owned = frozenset()

    worker = OneWorker(monkeypatch, moving)
    live: Any = None
    tables: Any = SimpleNamespace(partitions=8, owned=lambda: worker.owned)
    asking = Asking(nc, tables, worker.service._read, live, KnownOwners(), app_id=app_id, timeout_s=5)

    assert (await asking.one(worker.read, 3, Query())).data == "a row"
    await listening.unsubscribe()


async def test_answers_that_do_not_fit_one_message_together_are_asked_for_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes: Mapping[int, int] = {1: 2000, 2: 100, 3: 2000, 4: 9000}

    async def sized(tables: Any, partition: int, query: Query) -> Any:
        return "x" * sizes[partition]

    worker = OneWorker(monkeypatch, sized, max_payload=6000)
    worker.owned = frozenset(sizes)

    assert await worker.asked_by_another(1, 2, 3, 4) == ["x" * 2000, "x" * 100, "unavailable", "unavailable"]
    assert await worker.asked_by_another(3) == ["x" * 2000]
    assert await worker.asked_by_another(4) == ["overloaded"]


async def test_nothing_is_read_for_another_worker_that_waits_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = asyncio.Event()

    async def endless(tables: Any, partition: int, query: Query) -> Any:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    worker = OneWorker(monkeypatch, endless)

    assert await worker.asked_by_another(3, timeout_ms=1) == ["timeout"]
    assert ended.is_set()


async def test_more_queries_than_a_worker_may_hold_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MAX_RUNNING", 3)
    goes_on = asyncio.Event()

    async def waiting(ask: Any, query: Query) -> Answer:
        await goes_on.wait()
        return Answer("done")

    worker = OneWorker(monkeypatch, nothing)
    handle = worker.service._handler(Endpoint("waiting", Query, waiting))
    replies: list[Any] = []

    async def respond(data: bytes) -> None:
        replies.append(orjson.loads(data))

    request: Any = SimpleNamespace(
        subject="person.queries.waiting",
        data=b"",
        headers=None,
        respond=respond,
        _msg=SimpleNamespace(reply="_INBOX.asker"),
    )
    for _ in range(5):
        await handle(request)
    assert [one["error"]["code"] for one in replies] == ["overloaded"] * 2
    goes_on.set()
    async with asyncio.timeout(60):
        await asyncio.gather(*worker.service._running)
    assert [one.get("data") for one in replies[2:]] == ["done"] * 3


async def test_who_was_granted_nothing_is_answered_with_forbidden_and_nothing_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worker = OneWorker(monkeypatch, nothing)
    worker.service._authorise = Audited(closed_to_all)
    replies = await _asked_of(worker, "person.as.reader.queries.waiting", "_INBOX.reader.x")

    assert [one["error"]["code"] for one in replies] == ["forbidden"]
    assert worker.service._authorise.denied == {("query", "waiting"): 1}


@pytest.mark.parametrize(
    "reply", ["person.events.lifecycle.created.x", "$JS.API.STREAM.PURGE.PERSON_TIMERS", "_INBOX.>", "_R_.*", ""]
)
async def test_no_answer_goes_to_a_subject_that_is_no_inbox(monkeypatch: pytest.MonkeyPatch, reply: str) -> None:
    worker = OneWorker(monkeypatch, nothing)

    assert await _asked_of(worker, "person.queries.waiting", reply) == []
    assert worker.service._authorise.denied == {("query", "waiting"): 1}


async def test_a_question_from_another_account_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await _asked_of(OneWorker(monkeypatch, nothing), "person.queries.waiting", "_R_.jJtEuY.S8Rb2") == [None]


async def test_a_request_that_is_too_large_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    replies = await _asked_of(
        OneWorker(monkeypatch, nothing), "person.queries.waiting", "_INBOX.x", b" " * (service.MAX_REQUEST_BYTES + 1)
    )

    assert [(one["error"]["code"], one["error"]["facts"]["rule"]) for one in replies] == [("invalid_query", "too_long")]


async def _asked_of(worker: OneWorker, subject: str, reply: str, data: bytes = b"") -> list[Any]:
    """What a client is answered: an error, or the data."""

    async def answer(ask: Any, query: Query) -> Answer:
        return Answer(None)

    replies: list[Any] = []

    async def respond(sent: bytes) -> None:
        body = orjson.loads(sent)
        replies.append(body["data"] if body["ok"] else body)

    message = SimpleNamespace(reply=reply)
    request: Any = SimpleNamespace(subject=subject, data=data, headers=None, respond=respond, _msg=message)
    await worker.service._handler(Endpoint("waiting", Query, answer))(request)
    await asyncio.gather(*worker.service._running)
    return replies
