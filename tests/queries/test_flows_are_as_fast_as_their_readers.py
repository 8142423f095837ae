"""A worker is never more messages ahead of a reader than the reader allows, and sends nothing to one that is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from queries.outflow import Outflow, Outflows, ReaderGoneError, ReaderSlowError, window_in


@pytest.fixture
async def outflows(nc: Client) -> AsyncIterator[Outflows]:
    flows = Outflows(nc, patience_s=0.3)
    await flows.start()
    yield flows
    await flows.stop()


class Reader:
    """Listens on another subject for each test and answers when it is told to."""

    def __init__(self, nc: Client) -> None:
        self.nc = nc
        self.subject = nc.new_inbox()
        self.got: asyncio.Queue[Msg] = asyncio.Queue()

    async def listen(self) -> None:
        self.subscription = await self.nc.subscribe(self.subject, cb=self._keep)
        await self.nc.flush()

    async def _keep(self, message: Msg) -> None:
        self.got.put_nowait(message)

    def data(self) -> list[bytes]:
        """The messages that wait."""
        return [self.got.get_nowait().data for _ in range(self.got.qsize())]


async def send(flow: Outflow, count: int) -> None:
    for _ in range(count):
        await flow.send(lambda number: b"%d" % number)


async def test_a_reader_with_a_window_is_never_further_behind_than_it_says(nc: Client, outflows: Outflows) -> None:
    reader = Reader(nc)
    await reader.listen()

    with outflows.to(reader.subject, 3) as flow:
        sending = asyncio.create_task(send(flow, 10))
        for done in range(10):
            message = await asyncio.wait_for(reader.got.get(), 30)
            assert message.data == b"%d" % done
            assert flow.sent <= done + 3
            await message.respond(b"")
        await sending


async def test_a_reader_that_acknowledges_nothing_is_given_up(nc: Client, outflows: Outflows) -> None:
    reader = Reader(nc)
    await reader.listen()

    with outflows.to(reader.subject, 2) as flow:
        with pytest.raises(ReaderSlowError):
            await send(flow, 10)
        assert (flow.sent, flow.acknowledged) == (2, 0)


async def test_a_reader_that_is_gone_ends_the_flow(nc: Client, outflows: Outflows) -> None:
    reader = Reader(nc)
    await reader.listen()

    with outflows.to(reader.subject, None) as flow:
        await send(flow, 20)
        await reader.subscription.unsubscribe()
        with pytest.raises(ReaderGoneError):
            await send(flow, 20)


async def test_the_first_message_waits_for_a_reader_that_begins_to_listen(nc: Client, outflows: Outflows) -> None:
    reader = Reader(nc)

    with outflows.to(reader.subject, None, appears_within_s=5) as flow:
        sending = asyncio.create_task(send(flow, 3))
        await asyncio.sleep(0.1)
        assert not sending.done()
        await reader.listen()
        await asyncio.wait_for(sending, 30)
        await nc.flush()

    assert reader.data() == [b"0", b"1", b"2"]


async def test_nobody_who_never_listens_is_waited_for(nc: Client, outflows: Outflows) -> None:
    with outflows.to(nc.new_inbox(), None) as flow, pytest.raises(ReaderGoneError):
        await send(flow, 1)


@pytest.mark.parametrize("window", ["0", "65", "-1", "many", "", "٣"])
def test_a_window_that_is_none_is_refused(window: str) -> None:
    with pytest.raises(ValueError, match=r"^$"):
        window_in({"Person-Window": window})
