"""How fast the derived index is: building it, asking it, and what it adds to a lane cycle.

    python -m benchmarks.search [--persons 100000] [--partitions 8] [--rate 50] [--seconds 20]

One process holds the tables of one worker in RocksDB and their indexes; no server takes part. Questions are asked at fixed times
(open loop): a late answer does not delay the next question, and latency counts from the time at which the question was due."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faust
import orjson
from rocksdict import WriteBatch

from benchmarks.machine import facts, load
from benchmarks.percentiles import in_milliseconds
from domain.partitions import partition_of
from domain.views.search_tokens import Terms, tokens
from lanes.table import LaneTable
from lanes.table_memory import TableMemory
from queries.filters import Filters
from queries.index.database import SOURCES
from queries.index.feed import IndexFeed
from queries.index.search import hits
from queries.index.selection import selection
from tables.position import AppliedPositions

SYLLABLES = [
    "an",
    "na",
    "ma",
    "ri",
    "jo",
    "ha",
    "le",
    "ko",
    "ta",
    "mi",
    "sa",
    "ro",
    "el",
    "da",
    "vi",
    "ne",
    "to",
    "ge",
    "li",
    "ka",
    "be",
    "su",
    "wi",
    "fe",
    "du",
]
LIMIT = 50


class People:
    """Made-up persons whose names, employers and skills repeat as in life: a few are common, most are rare."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._given = self._words(2_000, 2, 4)
        self._family = self._words(20_000, 2, 5)
        self._companies = self._words(3_000, 3, 5)
        self._roles = self._words(200, 3, 4)
        self._skills = self._words(500, 2, 4)
        self._cities = self._words(400, 2, 4)
        self._tags = self._words(100, 2, 3)

    def rows(self, person_id: str, others: list[str]) -> dict[str, dict[str, Any]]:
        """The rows of a person in all indexed tables."""
        pick = self._random
        given, family = self._one(self._given), self._one(self._family)
        name = f"{given} {family}"
        names = [self._one(self._skills) for _ in range(pick.randrange(6))]
        levels = ["Beginner", "Intermediate", "Advanced", "Expert"]
        held = [
            {"name": one, "category": "Technical", "proficiency": pick.choice(levels)} for one in dict.fromkeys(names)
        ]
        base = {
            "person_id": person_id,
            "status": "Active" if pick.random() < 0.9 else "Suspended",
            "display_name": name,
        }
        edge = {"owner": person_id, "type": "Colleague", "strength": 0.5, "interaction_count": 3}
        edges = [
            {**edge, "other": pick.choice(others), "component_id": str(number)} for number in range(pick.randrange(4))
        ]
        search = {
            "names": [name.title()],
            "emails": [f"{given}.{family}{pick.randrange(100)}@{self._one(self._companies)}.example"],
            "phones": [f"+49170{pick.randrange(10**7):07}"],
            "employers": [f"{self._one(self._companies)} GmbH"],
            "roles": [self._one(self._roles)],
            "skills": [one["name"] for one in held],
            "locations": [f"{self._one(self._cities)}, DE"],
            "tags": [self._one(self._tags)],
            "organization_ids": [],
            "location_ids": [],
            "component_types": ["Address", "EmailAddress", "Employment", "PhoneNumber", "Skill"],
            "identity_level": "Email",
            "onboarding_state": None,
            "created_at": f"2025-{pick.randrange(1, 13):02}-{pick.randrange(1, 28):02}T00:00:00Z",
        }
        return {
            "search": base | search,
            "skills": base | {"skills": held, "recommended": []},
            "network": base | {"redirect_to": None, "edges": edges},
            "views": base | {"contact": {"emails": search["emails"]}},
        }

    def prefixes(self) -> Iterator[str]:
        """What somebody has typed so far: two to five characters of a name, as often as the name is met."""
        while True:
            name = self._one(self._given if self._random.random() < 0.5 else self._family)
            yield name[: self._random.randrange(2, 6)]

    def _words(self, count: int, least: int, most: int) -> list[str]:
        return ["".join(self._random.choices(SYLLABLES, k=self._random.randint(least, most))) for _ in range(count)]

    def _one(self, words: list[str]) -> str:
        return words[int(len(words) * self._random.random() ** 2)]


def filled(folder: Path, people: People, persons: int, partitions: int) -> list[LaneTable]:
    """Tables of one worker with the rows of all persons."""
    app = faust.App("search", store="rocksdb://", datadir=str(folder / "tables"), topic_partitions=partitions)
    memory = TableMemory(256 << 20, write_buffer_bytes=8 << 20, open_files=64)
    tables = {name: LaneTable(app, name, partitions=partitions, memory=memory) for name in SOURCES}
    ids = [str(uuid.UUID(int=random.getrandbits(128), version=4)) for _ in range(persons)]
    batches = {(name, partition): WriteBatch(raw_mode=True) for name in SOURCES for partition in range(partitions)}
    for person_id in ids:
        partition = partition_of(person_id, partitions)
        for name, row in people.rows(person_id, ids).items():
            batches[name, partition].put(person_id.encode(), orjson.dumps(row))
    for (name, partition), batch in batches.items():
        tables[name].database(partition).write(batch)
    return list(tables.values())


async def ask(feed: IndexFeed, partitions: int, text: str) -> None:
    """A ranked search as a worker answers it for all of its partitions: the best of each, merged."""
    statement = hits(Terms(tokens(text)), {}, selection(Filters()), None, LIMIT)
    found = await asyncio.gather(*(feed.ask(partition, *statement) for partition in range(partitions)))
    sorted([-hit[0], hit[1]] for of_one in found for hit in of_one)[:LIMIT]


async def open_loop(
    feed: IndexFeed, partitions: int, prefixes: Iterator[str], rate: float, seconds: float
) -> list[int]:
    """Latencies in nanoseconds of prefix queries that are due at a fixed rate."""
    begin = time.perf_counter_ns()
    latencies: list[int] = []

    async def one(due: int) -> None:
        await ask(feed, partitions, next(prefixes))
        latencies.append(time.perf_counter_ns() - due)

    async with asyncio.TaskGroup() as asked:
        for number in range(int(rate * seconds)):
            due = begin + int(number / rate * 1e9)
            await asyncio.sleep(max(0, (due - time.perf_counter_ns()) / 1e9))
            asked.create_task(one(due))
    return latencies


async def handing_over(
    feed: IndexFeed, people: People, tables: list[LaneTable], rate: float, seconds: float
) -> list[int]:
    """What handing over a committed cycle costs the lane, in nanoseconds, while the index follows `rate` changed persons a second."""
    costs: list[int] = []
    ids = [key for key, _ in tables[0].rows(0)]
    by_name = {table.name: table for table in tables}
    begin = time.perf_counter()
    for number in range(int(rate * seconds) // 10):
        changed = random.sample(ids, 10)
        for key in changed:
            for name, row in people.rows(key.decode(), [key.decode()]).items():
                by_name[name].database(0).put(key, orjson.dumps(row))
        started = time.perf_counter_ns()
        feed.take(0, dict.fromkeys(SOURCES, changed), number + 2)
        costs.append(time.perf_counter_ns() - started)
        await asyncio.sleep(max(0, begin + number * 10 / rate - time.perf_counter()))
    started = time.perf_counter_ns()
    assert await feed.reached(0, number + 2, 10)
    print(f"the index was level {(time.perf_counter_ns() - started) / 1e6:.1f} ms after the last cycle")
    return costs


async def main() -> None:
    """Print the figures and their conditions as JSON lines."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--persons", type=int, default=100_000)
    options.add_argument("--partitions", type=int, default=8)
    options.add_argument("--rate", type=float, default=50)
    options.add_argument("--seconds", type=float, default=20)
    asked = options.parse_args()
    people = People(seed=1)
    with tempfile.TemporaryDirectory() as folder:
        tables = filled(Path(folder), people, asked.persons, asked.partitions)
        print(json.dumps({"machine": facts(), "load": load(), **vars(asked)}))
        applied = AppliedPositions()
        for partition in range(asked.partitions):
            applied.advance(partition, 1)
        feed = IndexFeed(Path(folder) / "index", applied)
        started = time.perf_counter()
        await feed.own(frozenset(range(asked.partitions)), tables)
        assert all([await feed.reached(partition, 1, 600) for partition in range(asked.partitions)])
        size = sum(file.stat().st_size for file in (Path(folder) / "index").iterdir())
        built = time.perf_counter() - started
        rows = sum(1 for table in tables for partition in range(asked.partitions) for _ in table.rows(partition))
        per_100_000 = round(built / rows * 100_000, 2)
        print(
            json.dumps({"build_s": round(built, 2), "rows": rows, "s_per_100_000_rows": per_100_000, "mib": size >> 20})
        )
        for name, rate in (("search", asked.rate), ("search, nearly idle", 10)):
            latencies = await open_loop(feed, asked.partitions, people.prefixes(), rate, asked.seconds)
            print(json.dumps({name: in_milliseconds(latencies), "per_second": rate}))
        costs = await handing_over(feed, people, tables, 1000, asked.seconds / 4)
        print(json.dumps({"added_to_a_cycle": in_milliseconds(costs)}))
        await feed.stop()


if __name__ == "__main__":
    asyncio.run(main())
