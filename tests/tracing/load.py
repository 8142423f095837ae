"""What traces cost a worker under load: `python -m tests.tracing.load [COMMANDS]` sends the same commands to a worker with traces off, with a
collector that is away, with one trace in a hundred, and with all of them.

Each run has servers of its own. The collector is a Python process on the same machine, so the last figure is far from what a real one costs."""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from local.stack import Stack
from ops.client import CommandMessage, PersonClient
from ops.workers import Worker
from tests.tracing.receiver import Receiver, receiving

AT_ONCE = 400
ALONE = 100
NOBODY = "http://127.0.0.1:1"


async def loaded(worker: Worker, nats_url: str, commands: int) -> str:
    """Commands a second of many at once, and the latencies of single ones."""
    async with PersonClient(nats_url) as client:

        async def create() -> None:
            name = {"given_names": ["Ada"]}
            outcome = await client.send(
                CommandMessage("person.commands.create", {"name": name, "source": "load"}), timeout_s=60
            )
            assert outcome["status"] == "accepted", outcome

        await asyncio.gather(*(create() for _ in range(AT_ONCE)))
        began = time.perf_counter()
        for _ in range(0, commands, AT_ONCE):
            await asyncio.gather(*(create() for _ in range(AT_ONCE)))
        rate = commands / (time.perf_counter() - began)
        took = []
        for _ in range(ALONE):
            began = time.perf_counter()
            await create()
            took.append((time.perf_counter() - began) * 1000)
    cuts = statistics.quantiles(took, n=20)
    began = time.perf_counter()
    worker.ask_to_end()
    await asyncio.to_thread(worker.await_end)
    stopped = time.perf_counter() - began
    return f"{rate:7,.0f} commands/s   alone p50 {cuts[9]:5.1f} ms, p95 {cuts[18]:5.1f} ms   stopped in {stopped:.1f} s"


def measured(settings: Mapping[str, str], commands: int) -> str:
    """One run on servers of its own."""
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder) / "stack") as stack:
        worker = Worker(
            "traced",
            nats_url=stack.endpoints.nats_url,
            kafka_bootstrap=stack.endpoints.kafka_bootstrap,
            data=Path(folder) / "worker",
            logs=Path(folder) / "logs",
            settings=dict(settings),
        )
        worker.start()
        worker.await_ready()
        return asyncio.run(loaded(worker, stack.endpoints.nats_url, commands))


def runs(receiver: Receiver) -> Mapping[str, Mapping[str, str]]:
    """The settings of each run."""
    on = {"PERSON_TRACES": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint}
    share = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.01"}
    return {
        "off": {"PERSON_TRACES": "false"},
        "collector away": {**on, "OTEL_EXPORTER_OTLP_ENDPOINT": NOBODY},
        "one in a hundred": {**on, **share},
        "all": on,
    }


def main() -> None:
    commands = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
    with receiving() as receiver:
        for name, settings in runs(receiver).items():
            sys.stdout.write(f"{name:<18}{measured(settings, commands)}   {len(receiver.spans)} spans received\n")
            receiver.spans.clear()


if __name__ == "__main__":
    main()
