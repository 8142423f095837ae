"""Server-sent events over a real connection: bounded viewers, one that reads nothing is cut off, all are told of the end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientResponse, ClientSession, web

from queries.status.feed import StatusFeed


@asynccontextmanager
async def served(feed: StatusFeed) -> AsyncIterator[str]:
    """The feed behind a web server; gives its address."""
    application = web.Application()
    application.router.add_get("/status/events", feed.serve)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    feed.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/status/events"
    finally:
        await feed.stop()
        await runner.cleanup()


async def next_event(response: ClientResponse) -> tuple[str, Any]:
    """Name and data of the next event."""
    name = (await response.content.readline()).decode().removeprefix("event: ").strip()
    data = json.loads((await response.content.readline()).decode().removeprefix("data: "))
    assert await response.content.readline() == b"\n"
    return name, data


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110  # nothing tells it
            await asyncio.sleep(0.01)


async def test_a_viewer_gets_a_document_at_once_and_then_every_period() -> None:
    sampled = 0

    def sample() -> None:
        nonlocal sampled
        sampled += 1

    feed = StatusFeed(sample, lambda: json.dumps({"sampled": sampled}).encode(), every_s=0.02)
    async with served(feed) as url, ClientSession() as session, session.get(url) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        events = [await next_event(response) for _ in range(3)]

    assert [name for name, _ in events] == ["status"] * 3
    assert events[0][1]["sampled"] < events[1][1]["sampled"] < events[2][1]["sampled"]


async def test_no_document_is_made_while_nobody_watches() -> None:
    made, sampled = 0, 0

    def sample() -> None:
        nonlocal sampled
        sampled += 1

    def document() -> bytes:
        nonlocal made
        made += 1
        return b"{}"

    feed = StatusFeed(sample, document, every_s=0.01)
    async with served(feed):
        await until(lambda: sampled > 5)
    assert made == 0


async def test_one_viewer_too_many_is_refused_and_a_place_that_is_left_is_free() -> None:
    feed = StatusFeed(lambda: None, lambda: b"{}", every_s=0.01, max_viewers=2)
    async with served(feed) as url, ClientSession() as session:
        first, second = await session.get(url), await session.get(url)
        refused = await session.get(url)
        assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
        assert "2 viewers" in (await refused.json())["error"]

        first.close()
        await until(lambda: feed.viewers == 1)
        async with session.get(url) as third:
            assert third.status == 200
        second.close()


async def test_a_viewer_that_takes_nothing_is_cut_off_and_others_go_on() -> None:
    large = json.dumps({"text": "x" * (4 << 20)}).encode()
    feed = StatusFeed(lambda: None, lambda: large, every_s=0.02, patience_s=0.3)
    async with served(feed) as url, ClientSession(read_bufsize=16 << 20) as session:
        host, port = url.split("/")[2].split(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
        writer.write(b"GET /status/events HTTP/1.1\r\nHost: worker\r\n\r\n")
        await writer.drain()
        await until(lambda: feed.viewers == 1)
        await until(lambda: feed.cut_off == 1)
        assert feed.viewers == 0

        async with session.get(url) as response:
            name, _ = await next_event(response)
            assert name == "status"
        writer.close()
        assert reader is not None


async def test_viewers_are_told_when_the_worker_stops_and_nobody_comes_in_any_more() -> None:
    feed = StatusFeed(lambda: None, lambda: b"{}", every_s=60)
    async with served(feed) as url, ClientSession() as session, session.get(url) as response:
        assert (await next_event(response))[0] == "status"
        await feed.stop()
        assert (await next_event(response))[0] == "end"
        assert await response.content.read() == b""
        async with session.get(url) as late:
            assert late.status == 503
