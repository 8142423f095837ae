"""`person up`: real servers and workers as child processes in the foreground, restarted when they end by themselves."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import NoReturn

from config.neighbours import FAULTS
from local.errors import StackError
from local.neighbours.process import Neighbours
from ops import output
from ops.installation import STACK_FILE, Installation
from ops.servers import Addresses, Servers, servers
from ops.workers import Worker, WorkerError

CHECK_S = 0.25


def run(
    *,
    nodes: int,
    workers: int,
    data: Path,
    nats_port: int | None,
    kafka_port: int | None,
    neighbours: bool = False,
) -> int:
    """Run until Ctrl-C or SIGTERM; returns the exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    data = data.resolve()
    started = time.monotonic()
    # Left by a run that was killed; whoever waits for the file must not find that one.
    STACK_FILE.unlink(missing_ok=True)
    team: list[Worker] = []
    around: Neighbours | None = None
    try:
        with servers(data, nodes=nodes, nats_port=nats_port, kafka_port=kafka_port, progress=_say) as running:
            try:
                team = start_team(running, workers, data, settings={**_replicas(running), **_access(running)})
                if neighbours:
                    around = start_neighbours(running.nats_url, data)
                describe(running, data, team).write(STACK_FILE)
                _say(
                    f"ready after {time.monotonic() - started:.1f} s; addresses are in {STACK_FILE}. Ctrl-C ends everything."
                )
                _watch(running, data, team, around)
            finally:
                stop_team(team)
                if around is not None:
                    around.stop()
                STACK_FILE.unlink(missing_ok=True)
    except KeyboardInterrupt:
        _say("stopped")
        return output.EXIT_OK
    except (StackError, WorkerError) as error:
        output.errors.print(f"person up: {error}", markup=False)
        return output.EXIT_FAILURE


def start_team(addresses: Addresses, count: int, data: Path, settings: dict[str, str] | None = None) -> list[Worker]:
    """Start workers and wait until each one is ready; on failure none is left running."""
    team = [
        Worker(
            f"worker-{number}",
            nats_url=addresses.nats_url,
            kafka_bootstrap=addresses.kafka_bootstrap,
            data=data / f"worker-{number}",
            logs=data / "logs",
            settings=settings,
        )
        for number in range(1, count + 1)
    ]
    try:
        for worker in team:
            worker.start()
        for worker in team:
            worker.await_ready()
            _say(f"{worker.name} ready at {worker.address} (process {worker.process.pid})")
    except BaseException:
        stop_team(team)
        raise
    return team


def start_neighbours(nats_url: str, data: Path) -> Neighbours:
    """Start the simulated neighbours with the packaged faults; raises StackError."""
    around = Neighbours(nats_url, log=data / "logs" / "neighbours.log", config=FAULTS)
    around.start()
    _say(f"simulated neighbours ready (process {around.process.pid})")
    return around


def stop_team(team: list[Worker]) -> None:
    """Stop all workers; asks all of them before it waits for the first."""
    for worker in team:
        worker.ask_to_end()
    for worker in team:
        worker.await_end()


def describe(running: Servers, data: Path, team: list[Worker]) -> Installation:
    """The installation as others find it."""
    return Installation(
        nats_url=running.nats_url,
        kafka_bootstrap=running.kafka_bootstrap,
        data=str(data),
        replicas=running.replicas,
        nats_pids=running.nats_pids,
        kafka_pids=running.kafka_pids,
        workers=[worker.described() for worker in team],
    )


def _replicas(running: Servers) -> dict[str, str]:
    """What workers must know of a cluster, unless the environment says it."""
    if running.replicas is None or "PERSON_REPLICAS" in os.environ:
        return {}
    return {"PERSON_REPLICAS": str(running.replicas)}


def _access(running: Servers) -> dict[str, str]:
    """What starts its own servers is open to this machine; on servers that others use as well, access is granted or denied."""
    return {} if running.embedded else {"PERSON_ACCESS": os.environ.get("PERSON_ACCESS", "granted")}


def _watch(running: Servers, data: Path, team: list[Worker], around: Neighbours | None) -> NoReturn:
    restarted: set[str] = set()
    while True:
        time.sleep(CHECK_S)
        revived = running.check()
        for line in revived:
            _say(line)
        if revived:
            describe(running, data, team).write(STACK_FILE)
        if around is not None and not around.process.running:
            _say(f"the neighbours ended with code {around.process.returncode}; they are started again")
            around.start()
        for worker in team:
            if not worker.process.running:
                _say(f"{worker.name} ended with code {worker.process.returncode}; it is started again")
                worker.start()
                describe(running, data, team).write(STACK_FILE)
                restarted.add(worker.name)
            elif worker.name in restarted and worker.ready():
                _say(f"{worker.name} ready again (process {worker.process.pid})")
                restarted.discard(worker.name)


def _say(line: str) -> None:
    output.text.print(line, markup=False)
