"""How late timers of sagas are, and how long a saga takes from an input to what follows from it.

    python -m benchmarks.sagas [--timers 500] [--sagas 200] [--rate 20]

Timers: schedules one second apart, and `--timers` schedules within three seconds; late is the time between the time that was asked for and the
storage of the due message. Sagas: a team of one worker; StartSaga is sent at fixed times (open loop), then each answer of a neighbour at once;
a step is the time between the storage of the input and the storage of the command that it leads to, both told by the server."""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from nats.aio.client import Client

from agents.timers import set_timer
from benchmarks.machine import facts, load
from benchmarks.percentiles import in_milliseconds
from bridge import read
from bridge.streams import ensure_stream
from config import streams
from domain.ids import saga_id_of
from local.stack import Stack
from ops.client import CommandMessage, PersonClient
from ops.up import start_team, stop_team

DOMAINS = ("organization", "location", "agent", "git", "identity")
SPARSE = 10
DENSE_WITHIN_S = 3.0


async def timers(nc: Client, count: int) -> dict[str, Any]:
    """Lateness of timers: a second apart, and many at once."""
    [declared] = [one for one in streams.streams(8, 1) if one["name"] == streams.TIMERS]
    await ensure_stream(nc, declared)
    begin = datetime.now(UTC) + timedelta(seconds=1)
    sparse = [begin + timedelta(seconds=number) for number in range(SPARSE)]
    behind = sparse[-1] + timedelta(seconds=2)
    dense = [behind + timedelta(seconds=DENSE_WITHIN_S * number / count) for number in range(count)]
    found = {}
    for name, due in (("one a second", sparse), (f"{count} in {DENSE_WITHIN_S:g} s", dense)):
        person_id = str(uuid.uuid4())
        sagas = {str(uuid.uuid4()): at for at in due}
        await asyncio.gather(*(set_timer(nc, person_id, saga_id, at, b"{}") for saga_id, at in sagas.items()))
        late = []
        for saga_id, at in sagas.items():
            subject = f"person.timers.due.{person_id}.{saga_id}"
            while (message := await read.last_message(nc, streams.TIMERS, subject)) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.2)
            late.append(nanoseconds(message.stored_at - at))
        found[name] = in_milliseconds(late)
    return found


async def reactions(client: PersonClient, count: int, rate: float) -> dict[str, Any]:
    """Time from the storage of an input to the storage of the command that it leads to, over whole archival sagas."""
    create = {"name": {"given_names": ["Ada"]}, "source": "benchmark"}
    created = await asyncio.gather(
        *(client.send(CommandMessage("person.commands.create", create), timeout_s=60) for _ in range(count))
    )
    persons = [outcome["person_id"] for outcome in created]
    asked: dict[tuple[str, str], asyncio.Future[None]] = {}
    loop = asyncio.get_running_loop()

    async def seen(message: Any) -> None:
        data = orjson.loads(message.data)["data"]
        future = asked.get((data["person_id"], message.subject.partition(".")[0]))
        if future is not None and not future.done():
            future.set_result(None)

    for domain in DOMAINS:
        await client.nc.subscribe(f"{domain}.commands.release_person", cb=seen)
    inputs: dict[str, list[str]] = {one: [] for one in persons}

    async def live(person_id: str, at: float) -> None:
        await asyncio.sleep(max(0.0, at - loop.time()))
        message = CommandMessage(
            "person.commands.saga.start", {"saga": "archival", "data": {"cause": "Archived"}}, person_id
        )
        saga_id = saga_id_of(f"archival:{person_id}")
        for domain in DOMAINS:
            asked[person_id, domain] = loop.create_future()
            sent = message.with_id()
            assert sent.id is not None
            inputs[person_id].append(sent.id)
            await client.nc.request(sent.type, orjson.dumps(sent.envelope()), timeout=5)
            await asyncio.wait_for(asked[person_id, domain], 60)
            signal = {"signal": f"{domain}.person_released", "data": {"person_id": person_id}}
            message = CommandMessage("person.commands.saga.signal", signal, person_id, target=saga_id)

    begun = loop.time() + 1.0
    started = time.perf_counter()
    await asyncio.gather(*(live(one, begun + number / rate) for number, one in enumerate(persons)))
    took = time.perf_counter() - started - 1.0
    stored = {}
    async for one in read.messages(client.nc, streams.COMMANDS, "person.commands.saga.>"):
        stored[orjson.loads(one.data)["id"]] = one.stored_at
    sent_at = {}
    async for one in read.messages(client.nc, streams.OUTBOUND, "*.commands.release_person"):
        sent_at[orjson.loads(one.data)["data"]["person_id"], one.subject.partition(".")[0]] = one.stored_at
    steps = [
        nanoseconds(sent_at[person_id, domain] - stored[command_id])
        for person_id, ids in inputs.items()
        for domain, command_id in zip(DOMAINS, ids, strict=True)
    ]
    return {"sagas": count, "steps": len(steps), "seconds": round(took, 1), "input to command": in_milliseconds(steps)}


def nanoseconds(span: timedelta) -> int:
    """A span as the percentiles take it."""
    return span // timedelta(microseconds=1) * 1000


async def measure(count: int, sagas: int, rate: float) -> dict[str, Any]:
    """Both, on servers of their own."""
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder) / "stack") as stack:
        before = load()
        team = await asyncio.to_thread(start_team, stack.endpoints, 1, Path(folder))
        try:
            async with PersonClient(stack.endpoints.nats_url) as client:
                return {
                    "machine": facts(),
                    "load before": before,
                    "timers": await timers(client.nc, count),
                    "reactions": await reactions(client, sagas, rate),
                }
        finally:
            await asyncio.to_thread(stop_team, team)


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--timers", type=int, default=500)
    parser.add_argument("--sagas", type=int, default=200)
    parser.add_argument("--rate", type=float, default=20.0, help="Sagas begun per second.")
    given = parser.parse_args()
    print(json.dumps(asyncio.run(measure(given.timers, given.sagas, given.rate)), indent=2))


if __name__ == "__main__":
    main()
