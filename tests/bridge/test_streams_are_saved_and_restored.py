"""A saved stream is made again on another server as it was, and goes on there; what is damaged or in the way is refused."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client

from bridge.jetstream import api
from bridge.snapshot import CHUNK_BYTES, Snapshot, SnapshotError, restore_stream, save_stream
from config import streams
from tests.conftest import fresh_nats

CONFIG = {
    "name": "PEOPLE",
    "subjects": ["people.*"],
    "storage": "file",
    "num_replicas": 1,
    "allow_atomic": True,
    "deny_purge": True,
    "duplicate_window": streams.DUPLICATE_WINDOW_NS,
    "subject_transform": {"src": "people.*", "dest": "people.{{partition(4,1)}}.{{wildcard(1)}}"},
}
MESSAGES = 900


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Client]:
    nc = Client()
    await nc.connect(url)
    try:
        yield nc
    finally:
        await nc.close()


async def test_a_stream_is_the_same_on_another_server_and_goes_on(own_nats: str, tmp_path: Path) -> None:
    pack = io.BytesIO()
    moved: list[int] = []
    async with connected(own_nats) as nc:
        await api(nc, "STREAM.CREATE.PEOPLE", CONFIG)
        for number in range(MESSAGES):
            headers = {"Nats-Msg-Id": f"m-{number}", "Person-Note": "kept"}
            await nc.jetstream().publish(f"people.{number}", _incompressible(number), headers=headers)
        await api(nc, "STREAM.MSG.DELETE.PEOPLE", {"seq": 7})
        saved = await save_stream(nc, "PEOPLE", pack, moved=moved.append)
        before = [await _message(nc, sequence) for sequence in (1, 6, 8, MESSAGES)]
    assert saved.state["messages"] == MESSAGES - 1
    assert sum(moved) == saved.size == len(pack.getvalue()) > 2 * CHUNK_BYTES

    with fresh_nats(tmp_path / "other") as url:
        async with connected(url) as nc:
            state = await _restore(nc, saved, pack.getvalue())
            assert {name: state[name] for name in ("messages", "first_seq", "last_seq", "num_deleted")} == {
                "messages": MESSAGES - 1,
                "first_seq": 1,
                "last_seq": MESSAGES,
                "num_deleted": 1,
            }
            assert [await _message(nc, sequence) for sequence in (1, 6, 8, MESSAGES)] == before
            config = (await api(nc, "STREAM.INFO.PEOPLE"))["config"]
            assert {name: config[name] for name in CONFIG} == CONFIG
            assert (await nc.jetstream().publish("people.new", b"on")).seq == MESSAGES + 1

            with pytest.raises(SnapshotError, match="PEOPLE cannot be restored"):
                await _restore(nc, saved, pack.getvalue())


async def test_what_is_damaged_or_not_there_is_refused(own_nats: str, tmp_path: Path) -> None:
    pack = io.BytesIO()
    async with connected(own_nats) as nc:
        with pytest.raises(SnapshotError, match="NOBODY cannot be saved: stream not found"):
            await save_stream(nc, "NOBODY", io.BytesIO())
        await api(nc, "STREAM.CREATE.PEOPLE", CONFIG)
        for number in range(300):
            await nc.jetstream().publish(f"people.{number}", _incompressible(number))
        saved = await save_stream(nc, "PEOPLE", pack)
        whole = pack.getvalue()
        await api(nc, "STREAM.DELETE.PEOPLE")
        middle = len(whole) // 2
        flipped = whole[:middle] + bytes([whole[middle] ^ 0xFF]) + whole[middle + 1 :]
        for damaged in (flipped, whole[:middle]):
            with pytest.raises(SnapshotError, match="PEOPLE"):
                await _restore(nc, saved, damaged)
        assert (await _restore(nc, saved, whole))["messages"] == 300


async def test_an_empty_stream_is_saved_and_restored(own_nats: str) -> None:
    pack = io.BytesIO()
    async with connected(own_nats) as nc:
        await api(nc, "STREAM.CREATE.PEOPLE", CONFIG)
        saved = await save_stream(nc, "PEOPLE", pack)
        await api(nc, "STREAM.DELETE.PEOPLE")
        assert (await _restore(nc, saved, pack.getvalue()))["messages"] == 0


async def test_a_schedule_becomes_due_where_it_is_restored(own_nats: str, tmp_path: Path) -> None:
    [timers] = [one for one in streams.streams(8, 1) if one["name"] == streams.TIMERS]
    pack = io.BytesIO()
    async with connected(own_nats) as nc:
        await api(nc, f"STREAM.CREATE.{streams.TIMERS}", timers)
        at = (datetime.now(UTC) + timedelta(seconds=2)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        headers = {"Nats-Schedule": f"@at {at}", "Nats-Schedule-Target": "person.timers.due.p.s"}
        await nc.jetstream().publish("person.timers.set.p.s", b"wake", headers=headers)
        saved = await save_stream(nc, streams.TIMERS, pack)
    with fresh_nats(tmp_path / "other") as url:
        async with connected(url) as nc:
            await _restore(nc, saved, pack.getvalue())
            due = await nc.jetstream().subscribe("person.timers.due.>", stream=streams.TIMERS, ordered_consumer=True)
            assert (await due.next_msg(timeout=10)).data == b"wake"
            await due.unsubscribe()


async def _restore(nc: Client, saved: Snapshot, pack: bytes) -> Any:
    return await restore_stream(nc, saved.config, saved.state, io.BytesIO(pack))


async def _message(nc: Client, sequence: int) -> Any:
    return (await api(nc, "STREAM.MSG.GET.PEOPLE", {"seq": sequence}))["message"]


def _incompressible(number: int) -> bytes:
    """A kilobyte that no packing makes smaller, the same for the same number."""
    state, found = number * 2654435761 + 1, bytearray()
    while len(found) < 1024:
        state = (state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        found += (state >> 16).to_bytes(6, "big")
    return bytes(found)
