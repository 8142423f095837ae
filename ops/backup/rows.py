"""Saves the rows of tables that no stream tells, as their changelogs have them, and writes them into new changelogs.

Guarantee: every row that was durable when saving began is in the file; the order within a partition is that of the changelog, so that the last
one of a key counts again."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import orjson

from bridge.snapshot import sha256_of
from config.settings import Settings
from config.topics import declared_by
from lanes.producer import DurableProducer, OutgoingBatch, OutgoingRecord
from ops.backup.manifest import BackupError, Part
from ops.verify.topic_reading import PartitionReader

TABLES = ("outcomes", "quarantine", "policies")
"""What cannot be folded from the streams: the answers that were given, what operators took out of the way, and what policies counted."""
WRITTEN_AT_ONCE = 500


class SavedRow(NamedTuple):
    """One record of a changelog; without a value the row was removed."""

    partition: int
    key: bytes
    value: bytes | None


async def save_rows(settings: Settings, table: str, folder: Path) -> Part:
    """Save the changelog of a table up to its present end."""
    file = f"tables/{table}.ndjson.gz"
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    records = 0
    with gzip.open(path, "wb", compresslevel=3) as target:
        for partition in range(settings.partitions):
            async with PartitionReader(settings.kafka, changelog_of(settings, table), partition) as reader:
                async for some in reader.records():
                    for record in some:
                        target.write(_line(SavedRow(partition, record.key, record.value)))
                    records += len(some)
    return Part(table, file, path.stat().st_size, sha256_of(path), records=records)


async def restore_rows(settings: Settings, part: Part, folder: Path) -> None:
    """Write the rows of a table into its changelog; workers recover the table from it."""
    topic = changelog_of(settings, part.name)
    producer = DurableProducer(
        settings.kafka, client_id=f"{settings.app_id}-restore", max_batch_bytes=settings.changelog_max_bytes // 8
    )
    await producer.start()
    try:
        batch: dict[int, list[OutgoingRecord]] = {}
        waiting = 0
        for row in _rows(folder / part.file):
            batch.setdefault(row.partition, []).append(OutgoingRecord(row.key, row.value, 0))
            waiting += 1
            if waiting == WRITTEN_AT_ONCE:
                await producer.write(OutgoingBatch(topic, partition, some) for partition, some in batch.items())
                batch, waiting = {}, 0
        await producer.write(OutgoingBatch(topic, partition, some) for partition, some in batch.items())
    finally:
        await producer.stop()


def changelog_of(settings: Settings, table: str) -> str:
    """The changelog topic of a table."""
    ending = f"-{table}-changelog"
    return next(topic.name for topic in declared_by(settings) if topic.name.endswith(ending))


def _rows(path: Path) -> Iterator[SavedRow]:
    with gzip.open(path, "rb") as source:
        for line in source:
            try:
                partition, key, value = orjson.loads(line)
                yield SavedRow(partition, base64.b64decode(key), None if value is None else base64.b64decode(value))
            except (ValueError, TypeError) as error:
                raise BackupError(f"{path} holds a line that is no row: the backup is damaged") from error


def _line(row: SavedRow) -> bytes:
    value = None if row.value is None else base64.b64encode(row.value).decode()
    return orjson.dumps([row.partition, base64.b64encode(row.key).decode(), value]) + b"\n"
