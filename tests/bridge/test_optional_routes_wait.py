"""A route whose stream belongs to somebody else waits until the stream exists; everything else starts without it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from nats.aio.client import Client

from bridge import ingress_route
from bridge.dead_letters import DeadLetters
from bridge.egress_route import Installation
from bridge.errors import StreamMismatchError
from bridge.ingress import KafkaRecord
from bridge.ingress_route import RunningIngress, waiting_of
from bridge.routes import IngressRoute
from bridge.running import check_routes
from local.stack import Endpoints
from tests.bridge.conftest import Eventually, MakeStream, MakeTopic

WITHOUT_WAIT = 0.05


class Carrying:
    """A route of a stream that nobody has created, and what it has carried."""

    def __init__(self, nc: Client, stream: str, optional: bool = True) -> None:
        declared = {
            "name": "theirs",
            "direction": "ingress",
            "source": {"stream": stream},
            "target": {"topic": stream},
            "partition": {"from": "fixed", "number": 0},
            "optional": optional,
        }
        self.route = IngressRoute.model_validate(declared)
        self.values: list[bytes | None] = []
        self.ingress = RunningIngress(
            nc,
            self.route,
            Installation("test", "", 2, 10.0),
            DeadLetters(nc, "unused"),
            write=self._write,
            topic_partitions=1,
            router=None,
        )

    async def _write(self, topic: str, by_partition: dict[int, list[KafkaRecord]]) -> None:
        self.values += [record.value for records in by_partition.values() for record in records]


@pytest.fixture
async def carry(nc: Client, unique: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[..., Carrying]]:
    monkeypatch.setattr(ingress_route, "LOOK_AGAIN_S", WITHOUT_WAIT)
    made: list[Carrying] = []

    def make(**options: bool) -> Carrying:
        made.append(Carrying(nc, unique, **options))
        return made[-1]

    yield make
    for one in made:
        await one.ingress.disown()


async def test_a_route_begins_when_its_stream_appears(
    nc: Client, unique: str, carry: Callable[..., Carrying], make_stream: MakeStream, eventually: Eventually
) -> None:
    owner, other = carry(), carry()
    await owner.ingress.check()
    owner.ingress.own(frozenset({0, 1}))
    other.ingress.own(frozenset())
    assert owner.ingress.waits_for_stream
    # Who owns nothing of it waits for nothing.
    assert not other.ingress.waits_for_stream
    assert await waiting_of(nc, unique, "theirs") == 0

    await make_stream()
    await nc.request(f"{unique}.a", b"1")

    await eventually(_holds(owner, [b"1"]))
    assert not owner.ingress.waits_for_stream
    # Partitions come back after a rebalance: it goes on where it was.
    await owner.ingress.disown()
    await nc.request(f"{unique}.a", b"2")
    owner.ingress.own(frozenset({0, 1}))
    await eventually(_holds(owner, [b"1", b"2"]))


async def test_who_loses_its_partitions_waits_no_more(
    nc: Client, unique: str, carry: Callable[..., Carrying], make_stream: MakeStream
) -> None:
    one = carry()
    one.ingress.own(frozenset({0, 1}))
    await one.ingress.disown()

    await make_stream()

    assert not one.ingress.waits_for_stream
    assert not one.ingress.lanes


async def test_who_loses_its_partitions_while_an_answer_arrives_waits_no_more_either(
    carry: Callable[..., Carrying],
) -> None:
    ingress = carry().ingress
    for number in range(20):
        ingress.own(frozenset({0, 1}))
        # The answer whether the stream exists takes about so long.
        await asyncio.sleep(number % 10 * 0.0001 + 0.0002)
        async with asyncio.timeout(60):
            await ingress.disown()

    assert not ingress.waits_for_stream


async def test_only_an_optional_route_may_lack_its_stream(
    nc: Client, servers: Endpoints, carry: Callable[..., Carrying], make_topic: MakeTopic
) -> None:
    await make_topic()
    needed, optional = carry(optional=False), carry()

    with pytest.raises(StreamMismatchError, match=r'route "theirs": stream .* does not exist'):
        await needed.ingress.check()
    await optional.ingress.check()
    assert await check_routes(nc, servers.kafka_bootstrap, [optional.route]) == []
    assert len(await check_routes(nc, servers.kafka_bootstrap, [needed.route])) == 1


def _holds(carrying: Carrying, values: list[bytes]) -> Callable[[], Awaitable[bool]]:
    async def holds() -> bool:
        return carrying.values == values

    return holds
