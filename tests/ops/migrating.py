"""A stream of old events and a migration of it that is killed on the way; the equipment of the tests at any scale."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from nats.aio.client import Client

from bridge.batch import Outgoing, writer_of
from bridge.jetstream import api
from bridge.streams import ensure_stream
from config.streams import EVENTS, streams
from ops.migrating.source import StreamSource
from tests.ops.v1_events import OldEvent

REPOSITORY = Path(__file__).parents[2]
PARTITIONS = 8
PER_BATCH = 900


async def ensure_events(nc: Client) -> None:
    """The streams of the application exist."""
    for declared in streams(PARTITIONS, 1):
        await ensure_stream(nc, declared)


async def store_old(nc: Client, stream: str, events: Iterable[OldEvent]) -> None:
    """Create a stream of old events; its subjects have nothing in common with those of today."""
    await ensure_stream(nc, {"name": stream, "subjects": [f"{stream}.>"], "storage": "file", "allow_atomic": True})
    writer = writer_of(nc)
    batch: list[Outgoing] = []
    for subject, document in events:
        batch.append(Outgoing(f"{stream}.{subject}".encode(), b"", orjson.dumps(document)))
        if len(batch) == PER_BATCH:
            await writer.stored(await writer.send(batch), timeout_s=30)
            batch = []
    if batch:
        await writer.stored(await writer.send(batch), timeout_s=30)


async def last_sequence(nc: Client) -> int:
    """Where the event stream ends."""
    return int((await api(nc, f"STREAM.INFO.{EVENTS}"))["state"]["last_seq"])


async def stored_after(nc: Client, sequence: int) -> list[dict[str, Any]]:
    """The events that were stored behind a stream sequence."""
    state = (await api(nc, f"STREAM.INFO.{EVENTS}"))["state"]
    source = StreamSource(nc, EVENTS, state, after=sequence)
    return [orjson.loads(one.data) async for chunk in source.chunks() for one in chunk]


def start(nats_url: str, source: str, *options: str) -> subprocess.Popen[bytes]:
    """The verb as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "ops.cli", "migrate", source, *options],
        cwd=REPOSITORY,
        env={**os.environ, "PERSON_NATS_URL": nats_url, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


class Killed(NamedTuple):
    """How many events a killed migration had appended, and the seconds from its first batch to the kill."""

    appended: int
    seconds: float


async def kill_after(nc: Client, running: subprocess.Popen[bytes], more: int, *, patience_s: float = 60.0) -> Killed:
    """SIGKILL a migration as soon as it has appended so many events more."""
    before = await last_sequence(nc)
    first = time.monotonic()
    try:
        async with asyncio.timeout(patience_s):
            while (now := await last_sequence(nc)) < before + more:
                assert running.poll() is None, running.communicate()[1].decode()[-2000:]
                if now == before:
                    first = time.monotonic()
                await asyncio.sleep(0.001)
    finally:
        running.send_signal(signal.SIGKILL)
        killed = time.monotonic()
        running.communicate()
    return Killed(await last_sequence(nc) - before, killed - first)


async def finished(running: subprocess.Popen[bytes], *, patience_s: float = 60.0) -> dict[str, Any]:
    """The report of a migration that ends well, run with ``--json``."""
    out, err = await asyncio.wait_for(asyncio.to_thread(running.communicate), patience_s)
    assert running.returncode == 0, (out + err).decode()[-2000:]
    report: dict[str, Any] = orjson.loads(out)["data"]
    return report
