"""Compares the changelog of a table with the rows that its owner has, key by key, and looks for rows that belong to nobody.

Guarantee: a difference is told only when it is there still after changelog and owner were asked again: rows that are on their way are none.
Digests and keys of a part of the table are in memory at a time."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from connections.kafka_cluster import KafkaCluster
from domain.ids import is_person_id, is_uuid
from ops.verify.findings import Finding, Tally
from ops.verify.owners import Owners
from ops.verify.pace import Pace
from ops.verify.topic_reading import PartitionReader
from queries.inspection import digest_of

CHECK = "changelog"
BOOKKEEPING = b"__"
KEYS_AT_ONCE = 500_000
"""Keys of one table partition that are held at a time."""
LOOKS = 5
BETWEEN_LOOKS_S = 0.3
ASKED = 2000

SeesKey = Callable[[str], None]


async def compare_changelog(
    owners: Owners,
    kafka: KafkaCluster | str,
    app_id: str,
    table: str,
    partition: int,
    tally: Tally,
    pace: Pace,
    sees: SeesKey,
) -> None:
    """Compare one table in one partition; `sees` is told every key that the owner has, once."""
    parts, part = 1, 0
    while part < parts:
        parts = await _compare_part(
            owners, kafka, f"{app_id}-{table}-changelog", table, partition, tally, pace, sees, part, parts
        )
        part += 1


async def _compare_part(
    owners: Owners,
    kafka: KafkaCluster | str,
    topic: str,
    table: str,
    partition: int,
    tally: Tally,
    pace: Pace,
    sees: SeesKey,
    part: int,
    parts: int,
) -> int:
    """Compare the keys of one part; returns how many parts there have to be, which the first one finds out."""
    async with PartitionReader(kafka, topic, partition) as reader:
        logged: dict[str, str] = {}
        parts = await _take(reader, logged, part, parts, pace, tally, may_split=not part)
        differing: set[str] = set(logged)
        held: dict[str, str | None] = {}
        async for rows in owners.keys(partition, table):
            await pace.take(len(rows))
            for key, digest in rows:
                if _part_of(key, parts) != part:
                    continue
                sees(key)
                if logged.get(key) == digest:
                    differing.discard(key)
                else:
                    differing.add(key)
                    held[key] = digest
        for _ in range(LOOKS):
            if not differing:
                return parts
            await asyncio.sleep(BETWEEN_LOOKS_S)
            # The owner first: what it has is in the changelog before.
            held = await _held(owners, partition, table, differing)
            await _take(reader, logged, part, parts, pace, tally, may_split=False)
            differing = {key for key in differing if logged.get(key) != held.get(key)}
    tally.add([_finding(table, partition, key, logged.get(key), held.get(key)) for key in sorted(differing)])
    return parts


async def _take(
    reader: PartitionReader, logged: dict[str, str], part: int, parts: int, pace: Pace, tally: Tally, *, may_split: bool
) -> int:
    """Note the last digest of each key of a part. A table that turns out larger than one part is split on the way."""
    async for records in reader.records():
        await pace.take(len(records))
        tally.records += len(records)
        for record in records:
            if record.key is None or record.key.startswith(BOOKKEEPING):
                continue
            key = record.key.decode("latin-1")
            if _part_of(key, parts) != part:
                continue
            if record.value is None:
                logged.pop(key, None)
            else:
                logged[key] = digest_of(record.value)
        while may_split and len(logged) > KEYS_AT_ONCE:
            parts *= 2
            for key in [key for key in logged if _part_of(key, parts) != part]:
                del logged[key]
    return parts


async def _held(owners: Owners, partition: int, table: str, keys: Collection[str]) -> dict[str, str | None]:
    held: dict[str, str | None] = {}
    wanted = sorted(keys)
    for start in range(0, len(wanted), ASKED):
        moment = await owners.rows(partition, keys={table: wanted[start : start + ASKED]})
        held |= {key: None if value is None else digest_of(value) for key, value in moment.rows[table].items()}
    return held


def _part_of(key: str, parts: int) -> int:
    return zlib.crc32(key.encode()) % parts if parts > 1 else 0


def _finding(table: str, partition: int, key: str, logged: str | None, held: str | None) -> Finding:
    what = "differs from the row"
    if logged is None:
        what = "lacks the row"
    elif held is None:
        what = "has a row that the owner lacks"
    return Finding(CHECK, partition, table, key, "row", what, logged, held, healing_of(table, key))


def healing_of(table: str, key: str) -> Mapping[str, Any] | None:
    """What makes a row right, found from its key; None for rows that are not made of events of one person or saga."""
    whom = key.partition(":")[0]
    if table == "sagas":
        saga_id = key.rpartition(":")[2]
        return {"act": "heal_saga", "saga_id": saga_id} if is_uuid(saga_id) else None
    if table in ("outcomes", "policies", "quarantine", "statistics") or not is_person_id(whom):
        return None
    heal: dict[str, Any] = {"act": "heal_person", "person_id": whom}
    return heal if table != "timeline" else {**heal, "timeline_keys": [key]}


def phantom(table: str, partition: int, key: str, what: str) -> Sequence[Finding]:
    """A row that no event explains."""
    return [Finding("tables", partition, table, key, "row", what, None, None, healing_of(table, key))]
