"""Makes an installation from a backup: empty servers get the streams and rows of the folder, and workers make everything else of them.

Guarantee: nothing is written before the whole backup is checked and the servers are found empty; a restore that was cut off goes on when it
is asked for again."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from nats.aio.client import Client

from agents.follow_outcomes import place_subject
from agents.generations import read_register
from bridge.connection import connected
from bridge.jetstream import STREAM_NOT_FOUND, JetStreamError, api
from bridge.snapshot import restore_stream
from bridge.topics import ensure_topics
from config import streams, topics
from config.settings import Settings
from ops.backup.manifest import BackupError, Manifest, Part, read_manifest, require_whole
from ops.backup.order import restoring_order
from ops.backup.rows import TABLES, changelog_of, restore_rows

Say = Callable[[str], None]

COORDINATOR_WITHIN_S = 30.0


async def restore(settings: Settings, folder: Path, *, say: Say | None = None) -> Manifest:
    """Restore a backup; raises BackupError, BridgeError, and errors of the servers."""
    say = say or (lambda _line: None)
    manifest = read_manifest(folder)
    require_whole(folder, manifest)
    _require_fitting(settings, manifest)
    say(f"the backup of {manifest.ended} is whole: {len(manifest.parts)} parts")
    async with connected(settings.nats, name="person restore") as nc:
        done = await _restored_before(nc, settings, manifest)
        await _require_empty_kafka(settings, going_on=bool(done))
        by_name = {part.name: part for part in manifest.parts}
        for name in restoring_order(list(by_name)):
            part = by_name[name]
            if not part.is_stream:
                await ensure_topics(settings.kafka, topics.declared_by(settings))
                await restore_rows(settings, part, folder)
                say(f"table {name} restored: {part.records} records")
            elif name in done:
                say(f"stream {name} is restored already")
            else:
                await _restore(nc, settings, part, folder)
                assert part.state is not None
                say(f"stream {name} restored: {part.state['messages']} messages")
        await _forget_followed(nc, settings)
    return manifest


async def _restore(nc: Client, settings: Settings, part: Part, folder: Path) -> None:
    assert part.config is not None
    assert part.state is not None
    declared = {str(one["name"]) for one in streams.streams(settings.partitions, settings.replicas)}
    config = dict(part.config)
    if part.name in declared:
        config["num_replicas"] = settings.replicas
    with (folder / part.file).open("rb") as source:
        found = await restore_stream(nc, config, part.state, source)
    # Where an empty stream begins is nobody's concern, and servers tell it differently.
    names = ("messages", "first_seq", "last_seq") if part.state["messages"] else ("messages", "last_seq")
    for name in names:
        if found[name] != part.state[name] and not config.get("max_age"):
            raise BackupError(
                f"stream {part.name} was restored with {name} {found[name]} instead of {part.state[name]}; remove it and look at "
                "the server's log"
            )


async def _forget_followed(nc: Client, settings: Settings) -> None:
    """How far generations followed the outcomes of others is told in offsets of changelogs that are no more."""
    register = (await read_register(nc, settings.installation)).register
    known = [*register.generations.values(), *register.dropped.values()]
    for follower, source in itertools.permutations(known, 2):
        subject = place_subject(follower.name, source.app_id, "*")
        await api(nc, f"STREAM.PURGE.{streams.POSITIONS}", {"filter": subject})


async def _restored_before(nc: Client, settings: Settings, manifest: Manifest) -> frozenset[str]:
    """Streams of the backup that are there as they were saved; raises BackupError for any other that is there."""
    done = set()
    declared = {str(one["name"]) for one in streams.streams(settings.partitions, settings.replicas)}
    for name in sorted(declared | {part.name for part in manifest.parts if part.is_stream}):
        try:
            state = (await api(nc, f"STREAM.INFO.{name}"))["state"]
        except JetStreamError as error:
            if error.code != STREAM_NOT_FOUND:
                raise
            continue
        part = manifest.part(name)
        if part is None or part.state is None or state["last_seq"] != part.state["last_seq"]:
            raise BackupError(
                f"the installation is not empty: stream {name} is there with {state['messages']} messages. A backup is restored "
                "to servers without streams and topics of the product, while no worker runs"
            )
        done.add(name)
    return frozenset(done)


async def _require_empty_kafka(settings: Settings, *, going_on: bool) -> None:
    """Raise BackupError when a topic of the installation holds anything, or its group has been anywhere."""
    rows = {changelog_of(settings, table) for table in TABLES} if going_on else set()
    admin = AIOKafkaAdminClient(**settings.kafka.client_options(), request_timeout_ms=10_000)
    reader = AIOKafkaConsumer(**settings.kafka.client_options())
    try:
        await admin.start()
        await reader.start()
        there = set(await admin.list_topics())
        declared = [topic for topic in topics.declared_by(settings) if topic.name in there and topic.name not in rows]
        described = await admin.describe_topics([topic.name for topic in declared]) if declared else []
        for topic in described:
            partitions = [TopicPartition(topic["topic"], one["partition"]) for one in topic["partitions"]]
            await _require_empty(reader, partitions)
        if await _offsets_of_group(admin, settings.app_id):
            raise BackupError(
                f"the installation is not empty: consumer group {settings.app_id} has offsets. Remove it, or use other brokers"
            )
    finally:
        await reader.stop()
        await admin.close()


async def _offsets_of_group(admin: AIOKafkaAdminClient, group: str) -> Mapping[Any, Any]:
    """The committed offsets of a group. A broker that was never asked for one has to begin with a coordinator."""
    deadline = time.monotonic() + COORDINATOR_WITHIN_S
    while True:
        try:
            found: Mapping[Any, Any] = await admin.list_consumer_group_offsets(group)
            return found
        except KafkaError as error:
            if not error.retriable or time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.2)


async def _require_empty(reader: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> None:
    for tp, end in (await reader.end_offsets(partitions)).items():
        if end:
            raise BackupError(
                f"the installation is not empty: topic {tp.topic} has {end} records in partition {tp.partition}. A backup is restored to "
                "servers without streams and topics of the product, while no worker runs"
            )


def _require_fitting(settings: Settings, manifest: Manifest) -> None:
    if manifest.generation != settings.generation:
        raise BackupError(
            f"the backup is of generation {manifest.generation or '(first)'}, and PERSON_GENERATION is {settings.generation!r}: set "
            f"PERSON_GENERATION={manifest.generation} and PERSON_PARTITIONS={manifest.partitions}"
        )
    for name, setting, saved, given in (
        ("PERSON_PARTITIONS", "partitions", manifest.partitions, settings.partitions),
        (
            "PERSON_APP_ID",
            "application id",
            manifest.app_id.removesuffix(f"-{manifest.generation}"),
            settings.installation,
        ),
    ):
        if saved != given:
            raise BackupError(f"the backup has {setting} {saved!r}, and {name} is {given!r}: set it to {saved!r}")
