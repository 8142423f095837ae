"""All databases of a worker share one memory: it keeps its bound, and files stay few, whatever is written and read."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faust
import pytest

from lanes.table import LaneTable
from lanes.table_memory import LOG_FILES, TableMemory

TOTAL = 16 << 20
SMALL_SHARDS = TOTAL // 4
"""A cache this small has shards of 256 KiB, about the size of what is charged at once; one of the default size keeps its bound closer."""
PARTITIONS = 4
TABLES = 3
OPEN_FILES = 20
ROW = 1024


@pytest.fixture
def memory() -> TableMemory:
    """Little memory for many databases."""
    return TableMemory(TOTAL, write_buffer_bytes=4 << 20, open_files=OPEN_FILES)


@pytest.fixture
def tables(memory: TableMemory, tmp_path: Path) -> Iterator[list[LaneTable]]:
    """Twelve databases, whose write buffers alone would take three times the memory."""
    app = faust.App("bounded", store="rocksdb://", datadir=str(tmp_path))
    made = [LaneTable(app, f"table{number}", partitions=PARTITIONS, memory=memory) for number in range(TABLES)]
    yield made
    for table in made:
        for database in table.faust_table.data._dbs.values():
            database.close()


def write(tables: list[LaneTable], count: int) -> None:
    """Rows that no compression makes smaller, spread over all databases."""
    chance = random.Random(5)
    for number in range(count):
        table = tables[number % TABLES]
        table.database(number % PARTITIONS)[b"%012d" % number] = chance.randbytes(ROW)


def settle(tables: list[LaneTable], memory: TableMemory) -> None:
    """Wait until all rows have arrived in files; what is left is blocks."""
    for table in tables:
        for database in table.faust_table.data._dbs.values():
            database.flush()
    deadline = time.monotonic() + 60
    while memory.used_bytes > TOTAL:
        assert time.monotonic() < deadline, "the write buffers were not flushed"
        time.sleep(0.05)


def open_sst_files(folder: Path) -> int:
    """Table files that this process holds open below a folder."""
    links = []
    for one in Path("/proc/self/fd").iterdir():
        try:
            links.append(os.readlink(one))
        except OSError:
            continue
    return sum(link.startswith(str(folder)) and link.endswith(".sst") for link in links)


def test_writing_more_than_fits_keeps_the_bound(tables: list[LaneTable], memory: TableMemory) -> None:
    highest = 0
    for _ in range(20):
        write(tables, 4000)
        highest = max(highest, memory.used_bytes)

    # What is on its way into files comes on top for that long; twelve databases of their own would hold 96 MiB.
    assert 1 << 20 < highest <= 3 * TOTAL
    settle(tables, memory)


def test_reading_more_than_fits_keeps_the_bound_and_finds_every_row(
    tables: list[LaneTable], memory: TableMemory
) -> None:
    write(tables, 40_000)
    settle(tables, memory)
    highest = 0
    for number in range(0, 40_000, 3):
        assert len(tables[number % TABLES].get(number % PARTITIONS, b"%012d" % number) or b"") == ROW
        highest = max(highest, memory.used_bytes)

    assert highest <= TOTAL + SMALL_SHARDS


def test_files_and_logs_are_few(tables: list[LaneTable], tmp_path: Path) -> None:
    write(tables, 40_000)
    for table in tables:
        for partition in range(PARTITIONS):
            list(table.rows(partition))

    assert 0 < open_sst_files(tmp_path) <= TABLES * PARTITIONS * OPEN_FILES


def test_opening_a_database_again_and_again_leaves_no_logs_behind(tables: list[LaneTable], tmp_path: Path) -> None:
    store: Any = tables[0].faust_table.data
    for _ in range(LOG_FILES + 4):
        tables[0].database(0)
        store._dbs.pop(0).close()

    logs = [path for path in tmp_path.rglob("LOG*") if path.name != "LOCK"]
    assert 0 < len(logs) <= LOG_FILES + 1
