"""One installation is verified, damaged, healed and saved under load; another one is made of the backup and verified.

A second generation serves in it, with another number of partitions than the streams have."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from agents.generations import change_register, read_register
from bridge.jetstream import api
from bridge.streams import ensure_stream
from config import streams
from config.settings import Settings
from domain.partitions import partition_of
from lanes.producer import DurableProducer, OutgoingBatch, OutgoingRecord
from local.stack import Endpoints, Stack
from ops.backup.manifest import BackupError, Manifest, read_manifest
from ops.backup.restoring import restore
from ops.backup.rows import changelog_of
from ops.backup.saving import backup
from ops.client import PersonClient, QueryFailed
from ops.generations.declaring import declare, environment_of
from ops.generations.naming import settings_of
from ops.up import start_team
from ops.verify.checkpoint import CheckpointError
from ops.verify.run import Report, Wanted, verify
from tests.restoring.load import People
from tests.short_lived import kill_team, short_lived

Say = Callable[[str], None]
CUT_OFF_BEHIND = 3
GENERATION = "next"
PARTITIONS = 5
DAMAGE = ("differs from the row", "has a row that the owner lacks")
NOBODY = "0190c8a2-7b1e-7c3d-9a4f-0000000000ff"


class CutOffError(Exception):
    """A run is ended in the middle."""


@dataclass(frozen=True)
class Options:
    """How much: persons, workers, commands a second while it is verified and saved, and the rate of the verification."""

    data: Path
    persons: int = 30
    workers: int = 1
    load_per_s: float = 20.0
    rate: float | None = None


@dataclass
class Result:
    """What the steps found, and how long they took."""

    under_load: Report
    healed: Report
    manifest: Manifest
    restored: Report
    answers_differ: int
    persons_lost: int
    seconds: dict[str, float]

    @property
    def good(self) -> bool:
        """Whether everything is as it has to be."""
        return (
            self.under_load.clean
            and self.healed.clean
            and len(self.healed.healed) == len(DAMAGE)
            and self.restored.clean
            and not self.answers_differ
            and not self.persons_lost
        )

    def as_data(self) -> Mapping[str, Any]:
        """For the report."""
        return {
            "good": self.good,
            "under_load": self.under_load.as_data(values=False),
            "healed": self.healed.as_data(values=False),
            "restored": self.restored.as_data(values=False),
            "backup_bytes": sum(part.size for part in self.manifest.parts),
            "answers_differ": self.answers_differ,
            "persons_lost": self.persons_lost,
            "seconds": {name: round(seconds, 1) for name, seconds in self.seconds.items()},
        }


def run(options: Options, say: Say) -> Result:
    """All steps; raises what goes wrong with servers and workers."""
    folder = options.data / "backup"
    seconds: dict[str, float] = {}
    with _installation(options, "first", say) as (found, settings, environment):
        people, under_load, healed, manifest = asyncio.run(_first(options, found, settings, folder, seconds, say))
    with short_lived(Stack(options.data / "second" / "stack")) as stack:
        settings = settings.model_copy(
            update={"nats_url": stack.endpoints.nats_url, "kafka_bootstrap": stack.endpoints.kafka_bootstrap}
        )
        asyncio.run(_refusals(settings, folder, options.data / "damaged"))
        with _timed(seconds, "restore"):
            asyncio.run(restore(settings, folder, say=say))
        with _timed(seconds, "workers on the restored streams"):
            team = start_team(stack.endpoints, options.workers, options.data / "second", environment)
        try:
            return asyncio.run(_second(options, settings, people, under_load, healed, manifest, seconds, say))
        finally:
            kill_team(team)


async def _first(
    options: Options, found: Endpoints, settings: Settings, folder: Path, seconds: dict[str, float], say: Say
) -> tuple[People, Report, Report, Manifest]:
    async with PersonClient(found.nats_url) as client:
        people = People(client)
        with _timed(seconds, "fill"):
            await people.add(options.persons)
            await people.quarantine()
        say(f"{options.persons} persons, {len(people.answered)} commands")
        async with people.changing(options.load_per_s):
            with _timed(seconds, "verify under load"):
                under_load = await _verify_in_two_runs(settings, options, say)
            partitions = await _damage(settings, people.ids[0])
            await _hand_over(settings)
            checks = frozenset({"changelog", "tables"})
            with _timed(seconds, "heal under load"):
                healed = await verify(settings, Wanted(checks, partitions, heal="a test"), say=say)
            with _timed(seconds, "backup under load"):
                manifest = await _backup_in_two_runs(settings, folder, say)
            answered = list(people.answered)
        people.answered = answered
        return people, under_load, healed, manifest


async def _verify_in_two_runs(settings: Settings, options: Options, say: Say) -> Report:
    """The first run is cut off behind some partitions."""
    checkpoint = options.data / "verify.json"

    def cut_off(line: str) -> None:
        say(line)
        if f"{CUT_OFF_BEHIND} of" in line:
            raise CutOffError

    with contextlib.suppress(CutOffError):
        await verify(settings, Wanted(rate=options.rate), checkpoint=checkpoint, say=cut_off)
    with pytest.raises(CheckpointError, match="another kind of run"):
        await verify(settings, Wanted(frozenset({"tables"})), checkpoint=checkpoint)
    report = await verify(settings, Wanted(rate=options.rate), checkpoint=checkpoint, say=say)
    assert report.resumed == CUT_OFF_BEHIND
    assert not checkpoint.exists()
    return report


async def _damage(settings: Settings, person_id: str) -> Sequence[int]:
    """Write rows past the owner: one that differs, and one of nobody; returns the partitions."""
    partitions = [partition_of(whom, settings.partitions) for whom in (person_id, NOBODY)]
    producer = DurableProducer(settings.kafka, client_id="damage", max_batch_bytes=1 << 20)
    await producer.start()
    try:
        for whom, partition in zip((person_id, NOBODY), partitions, strict=True):
            row = OutgoingRecord(whom.encode(), orjson.dumps({"person_id": whom, "display_name": "Xanthippe"}), 0)
            await producer.write([OutgoingBatch(changelog_of(settings, "summary"), partition, [row])])
    finally:
        await producer.stop()
    return sorted({*partitions})


async def _backup_in_two_runs(settings: Settings, folder: Path, say: Say) -> Manifest:
    """The first run is cut off behind the rows of tables."""

    def cut_off(line: str) -> None:
        if line.startswith("table policies"):
            raise CutOffError

    with contextlib.suppress(CutOffError):
        await backup(settings, folder, say=cut_off)
    begun = read_manifest(folder)
    assert begun.ended is None
    manifest = await backup(settings, folder, say=say)
    assert manifest.parts[: len(begun.parts)] == begun.parts
    with pytest.raises(BackupError, match="holds a complete backup"):
        await backup(settings, folder)
    return manifest


async def _refusals(settings: Settings, folder: Path, copy: Path) -> None:
    """Nothing is restored from a damaged backup or to an installation of another shape."""
    shutil.copytree(folder, copy)
    path = copy / "streams" / f"{streams.RULES}.tar.s2"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    await _refused(settings, copy, "does not match its checksum")
    manifest = copy / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b'"partitions": 5', b'"partitions": 9'))
    await _refused(settings, copy, "does not match its own checksum")
    await _refused(settings.model_copy(update={"partitions": 4}), folder, "PERSON_PARTITIONS")
    await _refused(settings, copy.parent, "holds no backup")
    shutil.rmtree(copy)


async def _refused(settings: Settings, folder: Path, why: str) -> None:
    with pytest.raises(BackupError, match=why):
        await restore(settings, folder)


async def _second(
    options: Options,
    settings: Settings,
    people: People,
    under_load: Report,
    healed: Report,
    manifest: Manifest,
    seconds: dict[str, float],
    say: Say,
) -> Result:
    async with PersonClient(settings.nats_url) as client:
        persons_lost = await _lost(client, settings, people)
    with _timed(seconds, "verify of the restored installation"):
        restored = await verify(settings, Wanted(rate=options.rate), say=say)
    await _refused(settings, options.data / "backup", "the installation is not empty")
    async with PersonClient(settings.nats_url) as client:
        saved = await api(client.nc, f"STREAM.INFO.{streams.EVENTS}")
        events = manifest.part(streams.EVENTS)
        assert events is not None
        assert events.state is not None
        assert saved["state"]["first_seq"] == events.state["first_seq"]
        differ = 0
        for message, outcome in people.answered[:: max(1, len(people.answered) // 200)]:
            differ += (await client.send(message, timeout_s=30)) != outcome
    return Result(under_load, healed, manifest, restored, differ, persons_lost, seconds)


async def _lost(client: PersonClient, settings: Settings, people: People) -> int:
    """Persons that an answer lacks which must have everything that was handed over; asked for while workers fill their tables."""
    register = (await read_register(client.nc, settings.installation)).register
    assert (register.serving, register.events_up_to > 0) == (GENERATION, True)
    places = [{"partition": one, "stream_sequence": register.events_up_to} for one in range(settings.partitions)]
    lost = sum([await _is_lost(client, person_id, places) for person_id in people.ids])
    # Answered by the indexes of all partitions, also of those whose last event is older.
    await client.query("search", {"text": "Lovelace", "min_position": places}, timeout_ms=10_000)
    return lost


async def _is_lost(client: PersonClient, person_id: str, places: Sequence[Mapping[str, int]]) -> bool:
    asked = {"person_id": person_id, "min_position": places}
    try:
        answer = await client.query("get_by_id", asked, timeout_ms=10_000)
    except QueryFailed as error:
        if error.code != "not_found":
            raise
        return True
    return bool(answer["data"]["person_id"] != person_id)


@contextlib.contextmanager
def _installation(options: Options, name: str, say: Say) -> Iterator[tuple[Endpoints, Settings, dict[str, str]]]:
    with short_lived(Stack(options.data / name / "stack")) as stack:
        settings, environment = asyncio.run(_second_generation(stack.endpoints))
        team = start_team(stack.endpoints, options.workers, options.data / name, environment)
        try:
            say("servers and workers are ready")
            yield stack.endpoints, settings, environment
        finally:
            kill_team(team)


async def _second_generation(found: Endpoints) -> tuple[Settings, dict[str, str]]:
    """The settings of a generation that serves from the first person on, and what its workers are told."""
    first = Settings(nats_url=found.nats_url, kafka_bootstrap=found.kafka_bootstrap)
    async with PersonClient(first.nats) as client:
        for declared in streams.streams(first.partitions, first.replicas):
            await ensure_stream(client.nc, declared)
        held = await declare(client.nc, first, GENERATION, PARTITIONS, by="user:test")
        serves = held.register.model_copy(update={"serving": GENERATION, "term": 2})
        await change_register(client.nc, first.installation, held, serves)
    generation = held.register.generations[GENERATION]
    return settings_of(first, generation), environment_of(first, generation)


async def _hand_over(settings: Settings) -> None:
    """Let the register say that everything so far was another generation's, as it does behind a switch."""
    async with PersonClient(settings.nats) as client:
        held = await read_register(client.nc, settings.installation)
        last = (await api(client.nc, f"STREAM.INFO.{streams.EVENTS}"))["state"]["last_seq"]
        changed = held.register.model_copy(update={"events_up_to": int(last), "term": held.register.term + 1})
        await change_register(client.nc, settings.installation, held, changed)


@contextlib.contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    seconds[name] = time.monotonic() - began
