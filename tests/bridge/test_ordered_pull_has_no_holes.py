"""The ordered pull delivers every message of a consumer in stream order, whatever happens to its reader."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from nats.aio.client import Client

from bridge.connection import connect
from bridge.errors import BridgeError
from bridge.jetstream import PULL_MAX_BYTES, Delivery, OrderedPull, api
from bridge.streams import ensure_consumer, ensure_stream
from local.folder import DataFolder
from local.layout import Layout, nodes_of
from local.nats_server import nats_server
from local.ports import choose_ports
from local.probes import nats_answers
from local.processes import ChildProcess

if TYPE_CHECKING:
    from tests.bridge.conftest import Eventually, MakeConsumer, MakeStream


@pytest.fixture
async def stream(make_stream: MakeStream, make_consumer: MakeConsumer) -> str:
    stream = await make_stream()
    await make_consumer(stream)
    return stream


@pytest.fixture
async def pull(nc: Client, stream: str) -> AsyncIterator[OrderedPull]:
    reader = OrderedPull(nc, stream, "reader", batch=10)
    yield reader
    await reader.stop()


async def test_messages_come_in_order_from_the_acknowledged_floor(nc: Client, stream: str, pull: OrderedPull) -> None:
    await _publish(nc, stream, 1, 40)
    await pull.start()
    first = await _take(pull, 25)
    await pull.acknowledge(first[19])
    await pull.stop()

    again = OrderedPull(nc, stream, "reader", batch=10)
    await again.start()
    second = await _take(again, 20)
    await again.stop()

    assert _sequences(first)[:20] == list(range(1, 21))
    assert _sequences(second) == list(range(21, 41))
    assert [delivery.data for delivery in second] == [str(number).encode() for number in range(21, 41)]


async def test_an_acknowledgement_returns_after_the_server_recorded_it(
    nc: Client, stream: str, pull: OrderedPull
) -> None:
    await _publish(nc, stream, 1, 5)
    await pull.start()

    await pull.acknowledge((await _take(pull, 5))[3])

    assert (await api(nc, f"CONSUMER.INFO.{stream}.reader"))["ack_floor"]["stream_seq"] == 4


async def test_unacknowledged_messages_come_again_after_a_start(nc: Client, stream: str, pull: OrderedPull) -> None:
    await _publish(nc, stream, 1, 8)
    await pull.start()
    assert _sequences(await _take(pull, 8)) == list(range(1, 9))

    await pull.start()

    assert _sequences(await _take(pull, 8)) == list(range(1, 9))


async def test_a_second_reader_that_takes_messages_leaves_no_hole(nc: Client, stream: str, pull: OrderedPull) -> None:
    await _publish(nc, stream, 1, 3)
    await pull.start()
    await pull.acknowledge((await _take(pull, 3))[-1])
    stolen = await nc.subscribe(nc.new_inbox())
    steal = json.dumps({"batch": 4, "expires": 10 * 10**9}).encode()
    await nc.publish(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.reader", steal, reply=stolen.subject)

    await _publish(nc, stream, 4, 30)

    taken = _sequences(await _take(pull, 27, ordered=False))
    assert stolen.pending_msgs + stolen.delivered > 0, "the second reader took nothing, so nothing was tested"
    # A reset repeats what was not acknowledged; it never goes on behind a hole.
    assert _first_seen(taken) == list(range(4, 31))
    assert all(after <= max(taken[:at]) + 1 for at, after in enumerate(taken) if at)
    await stolen.unsubscribe()


async def test_a_consumer_with_a_filter_delivers_only_its_subjects_without_a_reset(
    nc: Client, make_stream: MakeStream, make_consumer: MakeConsumer, caplog: pytest.LogCaptureFixture
) -> None:
    stream = await make_stream()
    await make_consumer(stream, filter_subject=f"{stream}.mine")
    for number in range(1, 7):
        await nc.request(f"{stream}.{'mine' if number % 2 else 'other'}", str(number).encode())
    pull = OrderedPull(nc, stream, "reader", batch=10)

    await pull.start()
    deliveries = await _take(pull, 3)
    await pull.stop()

    assert _sequences(deliveries) == [1, 3, 5]
    assert "reset" not in caplog.text


async def test_an_empty_consumer_gives_nothing_within_the_wait(pull: OrderedPull) -> None:
    await pull.start()

    assert await pull.next(0.05) == []


async def test_messages_that_arrived_before_a_stop_can_still_be_taken_or_are_left(
    nc: Client, stream: str, eventually: Eventually
) -> None:
    # Batch 1: the arrived message has used the request up, so the reader wants to ask for more.
    pull = OrderedPull(nc, stream, "reader", batch=1)
    await pull.start()
    await _publish(nc, stream, 1, 1)

    async def arrived() -> bool:
        return bool(pull._arrived)

    await eventually(arrived)
    await pull.stop()

    assert _sequences(await pull.next(0.05)) in ([], [1])


async def test_an_acknowledgement_of_a_delivery_from_before_a_reset_is_passed_over(
    nc: Client, stream: str, pull: OrderedPull
) -> None:
    await _publish(nc, stream, 1, 10)
    await pull.start()
    before = await _take(pull, 10)
    await pull.acknowledge(before[1])

    await pull.start()
    again = await _take(pull, 8)
    # Its consumer sequence is 8; after the reset the eighth delivery is message 10.
    await pull.acknowledge(before[7])
    await nc.flush()
    assert await _floor(nc, stream) == 2

    await pull.acknowledge(again[1])
    assert await _floor(nc, stream) == 4


async def test_a_stream_sequence_that_does_not_grow_leads_to_a_reset(
    nc: Client, stream: str, pull: OrderedPull, caplog: pytest.LogCaptureFixture
) -> None:
    await _publish(nc, stream, 1, 3)
    await pull.start()
    await pull.acknowledge((await _take(pull, 3))[0])
    # The consumer sequence that is due, but a message that came before: another reader has reset the consumer.
    # A server passes on no such reply subject from a client, so it is put where deliveries arrive.
    reply = f"$JS.ACK.{stream}.reader.1.2.4.1700000000000000000.0"
    pull._on_message(f"{stream}.x".encode(), reply.encode(), b"old", None)

    taken = await _take(pull, 2)

    assert [(one.stream_sequence, one.data) for one in taken] == [(2, b"2"), (3, b"3")]
    assert "the consumer is reset" in caplog.text
    await pull.acknowledge(taken[-1])
    assert await _floor(nc, stream) == 3


async def test_a_deleted_consumer_is_an_error_and_no_endless_asking(nc: Client, stream: str, pull: OrderedPull) -> None:
    await _publish(nc, stream, 1, 3)
    await pull.start()
    await _take(pull, 3)

    await api(nc, f"CONSUMER.DELETE.{stream}.reader")

    async def read_on() -> None:
        while True:
            assert await pull.next(0.5) == []

    with pytest.raises(BridgeError, match="ended"):
        await asyncio.wait_for(read_on(), 60)


async def test_a_pull_that_ends_for_want_of_bytes_loses_no_message(nc: Client, stream: str) -> None:
    # 100 messages of 200 KB are more than one pull may bring, and 1000 were asked for.
    payload = b"x" * 200_000
    for number in range(1, 101):
        await nc.request(f"{stream}.x", b"%d " % number + payload, timeout=30)
    assert 100 * len(payload) > PULL_MAX_BYTES
    pull = OrderedPull(nc, stream, "reader", batch=1000)
    await pull.start()
    try:
        taken = await _take(pull, 100)
        assert await pull.next(0.3) == []
    finally:
        await pull.stop()

    assert _sequences(taken) == list(range(1, 101))
    assert all(one.data == b"%d " % one.stream_sequence + payload for one in taken)


async def test_a_crash_of_the_server_leaves_no_hole(own_server: OwnServer, eventually: Eventually) -> None:
    async def reconnected() -> bool:
        return nc.stats["reconnects"] > 0 and nc.is_connected

    async with asyncio.timeout(30):
        nc = Client()
        await connect(nc, own_server.url, name="test")
        try:
            await ensure_stream(nc, {"name": "S", "subjects": ["S.>"], "storage": "file"})
            await ensure_consumer(nc, "S", {"durable_name": "reader", "ack_policy": "all", "max_deliver": -1})
            await _publish(nc, "S", 1, 20)
            pull = OrderedPull(nc, "S", "reader", batch=10)
            await pull.start()
            before = await _take(pull, 15)
            await pull.acknowledge(before[9])

            own_server.crash_and_start()
            await eventually(reconnected)
            await _publish(nc, "S", 21, 30)

            after: list[int] = []
            while 30 not in after:
                after += _sequences(await pull.next(0.5))
            await pull.stop()

            # The server may have forgotten the acknowledgement with the crash: then more comes again, still in order.
            assert after[0] in (1, 11)
            assert after == list(range(after[0], 31))
        finally:
            await nc.close()


class OwnServer:
    """A nats-server of one test, which may kill it."""

    def __init__(self, folder: DataFolder) -> None:
        layout = Layout(1, proxied=False)
        ports = choose_ports(folder.ports, wanted={}, names=layout.port_names())
        nodes = nodes_of(folder, layout, ports)
        self.url = f"nats://127.0.0.1:{ports['nats']}"
        self._port = ports["nats"]
        self.process: ChildProcess = nats_server(folder, nodes[0], nodes)

    def start(self) -> None:
        self.process.start()
        while not nats_answers(self._port):
            assert self.process.running, self.process.last_log_line

    def crash_and_start(self) -> None:
        self.process.kill()
        self.start()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[OwnServer]:
    folder = DataFolder(tmp_path)
    folder.open()
    server = OwnServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.process.stop()
        folder.close()


async def _publish(nc: Client, stream: str, first: int, last: int) -> None:
    for number in range(first, last + 1):
        await nc.request(f"{stream}.x", str(number).encode(), timeout=30)


async def _take(pull: OrderedPull, count: int, *, ordered: bool = True) -> list[Delivery]:
    """Deliveries until `count` different messages came."""
    taken: list[Delivery] = []
    async with asyncio.timeout(60):
        while len(set(_sequences(taken))) < count:
            taken += await pull.next(0.5)
    if ordered:
        assert _sequences(taken) == sorted(set(_sequences(taken)))
    return taken


async def _floor(nc: Client, stream: str) -> int:
    """Up to where the consumer is acknowledged."""
    found: int = (await api(nc, f"CONSUMER.INFO.{stream}.reader"))["ack_floor"]["stream_seq"]
    return found


def _sequences(deliveries: list[Delivery]) -> list[int]:
    return [delivery.stream_sequence for delivery in deliveries]


def _first_seen(sequences: list[int]) -> list[int]:
    return list(dict.fromkeys(sequences))
