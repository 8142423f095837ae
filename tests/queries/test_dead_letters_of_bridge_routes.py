"""Records and messages that a route of the bridge had to pass over are carried again once their cause is mended, each once."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, cast

import orjson
import pytest
from nats.aio.client import Client

from agents.reading import EventLog
from bridge import read
from bridge.dead_letters import DeadLetters
from bridge.egress_route import Installation
from bridge.jetstream import api
from bridge.routes import EgressRoute, IngressRoute, Route
from bridge.running import RunningRoutes
from bridge.streams import ensure_stream
from bridge.topics import ensure_topics
from config import streams
from config.topics import Topic
from lanes.producer import DurableProducer, OutgoingBatch, OutgoingRecord
from local.stack import Endpoints
from queries.dead_letters.desk import DeadLetterDesk, DeskSettings
from queries.dead_letters.handling import Occasion
from queries.dead_letters.rows import Row
from queries.endpoint import Ask
from queries.frame import QueryError

STREAM = {"storage": "file", "retention": "limits", "discard": "new", "num_replicas": 1}
TARGET = {"allow_atomic": True, "allow_rollup_hdrs": True, "allow_msg_ttl": True}


class Carrying:
    """One route between a stream and a topic that nobody else knows, and a desk for its dead letters."""

    def __init__(self, nc: Client, servers: Endpoints, producer: DurableProducer) -> None:
        self.nc = nc
        self.name = f"r{uuid.uuid4().hex[:12]}"
        self._servers = servers
        self._producer = producer
        self._routes: RunningRoutes | None = None

    async def begin(self, route: Route, settings: Mapping[str, Any], subjects: list[str]) -> DeadLetterDesk:
        """Make stream and topic, carry the route, and open the desk."""
        await ensure_stream(self.nc, {**STREAM, **settings, "name": self.name, "subjects": subjects})
        await ensure_topics(self._servers.kafka_bootstrap, [Topic(self.name, 2, 1, {})])
        await ensure_stream(self.nc, next(one for one in streams.streams(8, 1) if one["name"] == streams.DEAD_LETTERS))
        installation = Installation(self.name, self._servers.kafka_bootstrap, 8)
        letters = DeadLetters(self.nc, "person.dlq")
        self._routes = RunningRoutes(self.nc, [route], installation, letters, write=self._write, routers={})
        await self._routes.check()
        await self._routes.start()
        self._routes.own(frozenset(range(8)))
        desk = DeskSettings(self.name, 8, 1 << 20, "person.commands", "person.foreign")
        return DeadLetterDesk(self.nc, EventLog(self.nc), self._routes, desk)

    async def stop(self) -> None:
        if self._routes is not None:
            await self._routes.stop()

    async def produce(self, *records: OutgoingRecord) -> None:
        await self._producer.write([OutgoingBatch(self.name, 0, list(records))])

    async def letter(self, desk: DeadLetterDesk) -> Row:
        """The one open letter of the route, as soon as it is there."""
        deadline = time.monotonic() + 20
        while not (rows := [row for row in await desk.messages() if row.agent == self.name]):
            assert time.monotonic() < deadline, "there is no letter"
        [row] = rows
        return row

    async def stored(self, tokens: str) -> list[read.StoredMessage]:
        return [one async for one in read.messages(self.nc, self.name, f"{self.name}.{tokens}")]

    async def _write(self, topic: str, by_partition: Mapping[int, list[Any]]) -> None:
        await self._producer.write(
            OutgoingBatch(topic, partition, [OutgoingRecord(*record) for record in records])
            for partition, records in by_partition.items()
        )


@pytest.fixture
async def carrying(nc: Client, servers: Endpoints) -> AsyncIterator[Carrying]:
    """A route to be begun."""
    producer = DurableProducer(servers.kafka_bootstrap, client_id="test", max_batch_bytes=1 << 20)
    await producer.start()
    one = Carrying(nc, servers, producer)
    try:
        yield one
    finally:
        await one.stop()
        await producer.stop()


def occasion() -> Occasion:
    """These routes ask no owner of a partition."""
    return Occasion(cast(Ask, None), 10.0, by="user:ada", why="a test")


async def test_a_record_that_egress_passed_over_is_stored_once_when_the_stream_takes_it(carrying: Carrying) -> None:
    name = carrying.name
    target = {"stream": name, "subject": f"{name}.records.{{field:kind}}", "checkpoint": f"{name}.position"}
    route = EgressRoute.model_validate(
        {"name": name, "direction": "egress", "source": {"topic": name}, "target": target}
    )
    subjects = [f"{name}.records.known", f"{name}.position.*"]
    desk = await carrying.begin(route, TARGET, subjects)
    headers = [("colour", b"green")]
    await carrying.produce(OutgoingRecord(b"k", orjson.dumps({"kind": "new"}), 1, headers))

    row = await carrying.letter(desk)
    assert (row.route, row.source, row.stream_sequence, row.cause) == (name, f"{name}-0", 0, "unroutable")
    with pytest.raises(QueryError, match="the stream does not hold it"):
        await desk.dry_run(row.letter, occasion())
    await api(
        carrying.nc,
        f"STREAM.UPDATE.{name}",
        {**STREAM, **TARGET, "name": name, "subjects": [*subjects, f"{name}.records.new"]},
    )
    assert (await desk.dry_run(row.letter, occasion()))["stream"] == name
    assert await carrying.stored("records.>") == []

    done = await desk.redrive(row.letter, occasion())
    again = await desk.redrive(row.letter, occasion())

    assert (done.done, done.again, again.again) == (True, False, True)
    [stored] = await carrying.stored("records.>")
    assert (stored.subject, orjson.loads(stored.data)) == (f"{name}.records.new", {"kind": "new"})
    [mark] = [one.subject for one in await carrying.stored("position.*") if "redriven" in one.subject]
    assert mark == f"{name}.position.redriven-0-0"


async def test_an_edited_value_is_stored_in_the_place_of_the_record(carrying: Carrying) -> None:
    name = carrying.name
    target = {"stream": name, "subject": f"{name}.records.{{field:kind}}", "checkpoint": f"{name}.position"}
    route = EgressRoute.model_validate(
        {"name": name, "direction": "egress", "source": {"topic": name}, "target": target}
    )
    desk = await carrying.begin(route, TARGET, [f"{name}.records.>", f"{name}.position.*"])
    await carrying.produce(OutgoingRecord(b"k", b"no json", 1))
    row = await carrying.letter(desk)

    with pytest.raises(QueryError, match="field kind"):
        await desk.edit(row.letter, b'{"colour": "green"}', occasion())
    await desk.edit(row.letter, b'{"kind": "mended"}', occasion())
    await desk.redrive(row.letter, occasion())

    [stored] = await carrying.stored("records.>")
    assert (stored.subject, stored.data) == (f"{name}.records.mended", b'{"kind": "mended"}')
    assert [act["act"] for act in await desk.acts(row.letter, 10)] == ["redriven", "edited"]


async def test_a_message_that_ingress_passed_over_is_written_under_its_coordinates(
    carrying: Carrying, read_topic: Callable[[str, int], Any]
) -> None:
    name = carrying.name
    route = IngressRoute.model_validate(
        {
            "name": name,
            "direction": "ingress",
            "source": {"stream": name},
            "target": {"topic": name},
            "key": {"from": "field", "field": "id"},
            "partition": {"from": "fixed", "number": 1},
        }
    )
    desk = await carrying.begin(route, {}, [f"{name}.>"])
    reply = await carrying.nc.request(f"{name}.placed", b'{"no": "id"}', headers={"Colour": "green"}, timeout=30)
    sequence = orjson.loads(reply.data)["seq"]
    row = await carrying.letter(desk)
    assert (row.route, row.source, row.stream_sequence) == (name, name, sequence)
    with pytest.raises(QueryError, match="field id"):
        await desk.redrive(row.letter, occasion())

    await desk.edit(row.letter, b'{"id": "o-1"}', occasion())
    assert await desk.dry_run(row.letter, occasion()) == {
        "letter": row.letter,
        "becomes": "record",
        "topic": name,
        "partition": 1,
    }
    assert (await desk.redrive(row.letter, occasion())).done
    assert (await desk.redrive(row.letter, occasion())).again

    [record] = await read_topic(name, 1)
    carried = dict(record.headers)
    assert (record.key, record.value, carried["colour"]) == (b"o-1", b'{"id": "o-1"}', b"green")
    assert (carried["nats-stream"], carried["nats-sequence"]) == (name.encode(), str(sequence).encode())
