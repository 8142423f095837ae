"""Measures recovery: one changelog replayed into RocksDB by lanes and by a stock Faust worker, side by side, from an empty data folder.

Each engine reads the same topic in a process of its own, in turn. The replay phase counts from the assignment of the partitions to the
moment at which recovery is complete. After each run the databases are read: every row must be there, and the same for both."""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from rocksdict import Options, Rdict

from benchmarks.recovering import CHANGELOG, PARTITIONS, SOURCE, TABLE
from bridge.topics import ensure_topics
from config.topics import Topic
from lanes.producer import DurableProducer, OutgoingBatch, OutgoingRecord
from local.processes import ChildProcess
from local.stack import Stack

REPOSITORY = Path(__file__).parent.parent
ENGINES = ("faust", "lanes")
BUDGET_S = 600.0
ROWS_PER_WRITE = 2000


async def fill(kafka: str, rows: int, row_bytes: int) -> None:
    """Write a changelog of rows with distinct keys; key and value together have `row_bytes`."""
    await ensure_topics(
        kafka,
        [Topic(CHANGELOG, PARTITIONS, 1, {"cleanup.policy": "compact"}), Topic(SOURCE, PARTITIONS, 1, {})],
    )
    producer = DurableProducer(kafka, client_id="fill", max_batch_bytes=1 << 20)
    values = random.Random(1)
    for first in range(0, rows, ROWS_PER_WRITE * PARTITIONS):
        by_partition: dict[int, list[OutgoingRecord]] = {partition: [] for partition in range(PARTITIONS)}
        for number in range(first, min(first + ROWS_PER_WRITE * PARTITIONS, rows)):
            key = f"person-{number * 2654435761 % 2**32:010d}-{number}".encode()
            value = values.randbytes((row_bytes - len(key)) // 2).hex().encode()
            by_partition[number % PARTITIONS].append(OutgoingRecord(key, value, 0))
        await producer.write(
            OutgoingBatch(CHANGELOG, partition, some) for partition, some in by_partition.items() if some
        )
    await producer.stop()


def recover(engine: str, kafka: str, folder: Path, rows: int) -> dict[str, Any]:
    """Let one engine recover everything into an empty folder; raises when it fails or a row is missing."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    task = {"engine": engine, "kafka": kafka, "data": str(folder / "data"), "report": str(folder / "report.json")}
    worker = ChildProcess(
        engine,
        [sys.executable, "-m", "benchmarks.recovering"],
        log=folder / "log",
        env={**os.environ, "RECOVERY_TASK": json.dumps(task)},
        cwd=REPOSITORY,
    )
    worker.start()
    try:
        worker.wait(BUDGET_S)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"{engine} has not recovered within {BUDGET_S:.0f} s: {worker.last_log_line}") from None
    finally:
        worker.kill()
    report = json.loads((folder / "report.json").read_text())
    found, digest = _content(folder / "data")
    if found != rows:
        raise RuntimeError(f"{engine} recovered {found} of {rows} rows")
    shutil.rmtree(folder)
    return {
        "rows": rows,
        "digest": digest,
        "seconds": round(report["seconds"], 3),
        "rows_per_second": round(rows / report["seconds"]),
        "cpu_us_per_row": round(report["cpu_seconds"] / rows * 1e6, 2),
    }


def measure(kafka: str, folder: Path, *, rows: int, row_bytes: int, runs: int) -> dict[str, Any]:
    """Interleaved runs of both engines, their medians and the factor between them."""
    asyncio.run(fill(kafka, rows, row_bytes))
    found: dict[str, list[dict[str, Any]]] = {engine: [] for engine in ENGINES}
    for _ in range(runs):
        for engine in ENGINES:
            run = recover(engine, kafka, folder / engine, rows)
            found[engine].append(run)
            _say(
                f"{engine:<6} {run['rows_per_second']:>8} rows/s  {run['cpu_us_per_row']:>7} us CPU/row  {run['seconds']:>7} s"
            )
    if len({run["digest"] for some in found.values() for run in some}) > 1:
        raise RuntimeError("the engines have recovered different rows")
    medians = {
        engine: {
            name: statistics.median(run[name] for run in found[engine])
            for name in ("rows_per_second", "cpu_us_per_row")
        }
        for engine in ENGINES
    }
    factor = round(medians["lanes"]["rows_per_second"] / medians["faust"]["rows_per_second"], 1)
    _say(f"lanes recover {factor} times as fast as stock Faust (medians of {runs} runs)")
    return {"row_bytes": row_bytes, "partitions": PARTITIONS, "runs": found, "medians": medians, "factor": factor}


def main() -> int:
    """Run all measurements; exit code 1 when lanes are not at least five times as fast as Faust."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--row-bytes", type=int, default=400)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--data", type=Path, default=Path("build/recovery"))
    parser.add_argument("--report", type=Path, default=Path("build/recovery.json"))
    options = parser.parse_args()
    shutil.rmtree(options.data, ignore_errors=True)
    with Stack(options.data / "stack", progress=_say) as stack:
        result = measure(
            stack.endpoints.kafka_bootstrap,
            options.data.absolute(),
            rows=options.rows,
            row_bytes=options.row_bytes,
            runs=options.runs,
        )
    options.report.parent.mkdir(parents=True, exist_ok=True)
    options.report.write_text(json.dumps(result, indent=2) + "\n")
    _say(f"written to {options.report}")
    return 0 if result["factor"] >= 5 else 1


def _content(data: Path) -> tuple[int, str]:
    """Number of rows and a digest of all of them, bookkeeping left out."""
    rows, digest = 0, hashlib.sha256()
    for partition in range(PARTITIONS):
        [path] = data.rglob(f"{TABLE}-{partition}.db")
        database = Rdict(str(path), options=Options(raw_mode=True))
        for key, value in database.items():
            if not key.startswith(b"__"):
                rows += 1
                digest.update(b"%d %d " % (len(key), len(value)) + key + value)
        database.close()
    return rows, digest.hexdigest()


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
