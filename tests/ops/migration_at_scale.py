"""`python -m tests.ops.migration_at_scale [EVENTS]`: migrate many synthetic old events, killed twice on the way, and say how fast.

It starts servers of its own, or uses those of `--nats-url`, and ends with 0 only if source and target fold to the same persons and every
event is stored once."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from nats.aio.client import Client

from local.stack import Stack
from ops.migrating.migration import migrate
from tests.ops import migrating
from tests.ops.v1_events import Writer

PER_PERSON = 12


async def run(nats_url: str, events: int) -> int:
    nc = Client()
    await nc.connect(nats_url)
    try:
        stream = f"OLD_{time.time_ns()}"
        await migrating.ensure_events(nc)
        await migrating.store_old(nc, stream, Writer(max(events // PER_PERSON, 1), seed=time.time_ns()).events(events))
        before = await migrating.last_sequence(nc)
        planned = await migrate(nats_url, stream, dry_run=True)
        total = planned.written.total()
        say(planned.as_text())
        for _ in range(2):
            killed = await migrating.kill_after(nc, migrating.start(nats_url, stream), total // 3, patience_s=600)
            say(f"killed after {killed.appended} events, appended at {killed.appended / killed.seconds:,.0f}/s")
        began = time.monotonic()
        report = await migrating.finished(migrating.start(nats_url, stream, "--json"), patience_s=600)
        took = time.monotonic() - began
        stored = await migrating.last_sequence(nc) - before
        say(
            f"{events} stored events became {total}; {report['compared']} persons compared, {report['differences']} differ"
        )
        say(f"the last run took {took:.1f} s: {report['seconds']}")
        again = await migrate(nats_url, stream)
        say(f"a repeated run appended {again.appended} events in {sum(again.seconds.values()):.1f} s")
        good = planned.good and again.good and not report["differences"] and stored == total and not again.appended
        return 0 if good else 1
    finally:
        await nc.close()


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("events", type=int, nargs="?", default=100_000)
    parser.add_argument("--nats-url", help="a server to use")
    given = parser.parse_args()
    with ExitStack() as stack:
        url = given.nats_url
        if url is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            url = stack.enter_context(Stack(Path(folder) / "stack")).endpoints.nats_url
        return asyncio.run(run(url, given.events))


if __name__ == "__main__":
    raise SystemExit(main())
