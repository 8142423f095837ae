"""How fast `person trace` looks through a stream: `python -m tests.tracing.search_speed [MESSAGES]` fills one and searches it."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from nats.aio.client import Client

from bridge.batch import Outgoing, writer_of
from bridge.streams import ensure_stream
from config import streams
from ops.trace.gathering import FlowSearch, UnknownFlowError
from tests.conftest import fresh_nats
from tests.tracing.test_traces_follow_from_messages import event_record

AT_ONCE = 900
PAD = b" " * 200
"""Makes a message as long as an event with some data."""
NOBODY = "0190c8a2-7b1e-4c3d-9a4f-00000000ffff"


async def measure(nats_url: str, messages: int) -> None:
    nc = Client()
    await nc.connect(nats_url)
    for declared in streams.streams(8, 1):
        await ensure_stream(nc, declared)
    writer = writer_of(nc)
    for first in range(0, messages, AT_ONCE):
        batch = [
            Outgoing(b"person.events.lifecycle.created.p", b"", event_record(number).value + PAD)
            for number in range(first, min(messages, first + AT_ONCE))
        ]
        await writer.stored(await writer.send(batch), timeout_s=30)
    began = time.perf_counter()
    try:
        await FlowSearch(nc, partitions=8, progress=lambda _: None).of_id(NOBODY)
    except UnknownFlowError:
        took = time.perf_counter() - began
        sys.stdout.write(f"{messages} messages in {took:.2f} s, {messages / took:,.0f} a second\n")
    await nc.close()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, fresh_nats(Path(folder) / "nats") as nats_url:
        asyncio.run(measure(nats_url, int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))


if __name__ == "__main__":
    main()
