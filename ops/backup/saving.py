"""Takes a backup of a running installation into a folder, and goes on with one that was cut off.

Guarantee: the folder is complete only when its manifest says so; nothing of the installation is changed, and nothing in it stops meanwhile."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from nats.aio.client import Client

from agents.generations import read_register
from bridge.connection import connected
from bridge.ingress_route import consumer_feeding
from bridge.jetstream import STREAM_NOT_FOUND, JetStreamError, api
from bridge.snapshot import save_stream
from bridge.trimming import ProcessedLog, plan_trim
from config import streams, topics
from config.settings import Settings
from config.version import VERSION
from ops.backup.manifest import NAME, BackupError, Manifest, Part, is_whole, read_manifest
from ops.backup.order import saving_order
from ops.backup.rows import TABLES, save_rows
from ops.installation import routes_of
from ops.stream_name import is_stream_name

Say = Callable[[str], None]

DECIDED_WITHIN_S = 30.0
"""How long saved commands are waited for until they are decided."""
SAID_EVERY = 64 << 20
PRIVATE = 0o700


async def backup(settings: Settings, folder: Path, *, also: Sequence[str] = (), say: Say | None = None) -> Manifest:
    """Save all streams of the product, those named in `also`, and the rows that no stream tells.

    Raises BackupError, BridgeError, and errors of the servers; a second call on the folder goes on behind the last whole part.
    """
    for name in also:
        if not is_stream_name(name):
            raise BackupError(f"--stream {name!r} is no name of a stream")
    async with connected(settings.nats, name="person backup") as nc:
        await _require_streams(nc, also, settings.nats_url)
        manifest = _opened(settings, folder, await _require_serving(nc, settings))
        saving = Saving(nc, settings, folder, manifest, say or (lambda _line: None))
        declared = [str(one["name"]) for one in streams.streams(settings.partitions, settings.replicas)]
        await saving.run([*declared, *also])
        return saving.manifest


async def _require_streams(nc: Client, names: Sequence[str], server: str) -> None:
    """What an operator names besides the streams of the product must be there before the folder is begun."""
    for name in names:
        try:
            await api(nc, f"STREAM.INFO.{name}")
        except JetStreamError as error:
            if error.code != STREAM_NOT_FOUND:
                raise
            raise BackupError(f"--stream {name}: there is no such stream at {server}; nothing was saved") from None


async def _require_serving(nc: Client, settings: Settings) -> int:
    """Only the tables of the generation that serves have every answer and every act of an operator; returns the register's sequence."""
    try:
        register, sequence = await read_register(nc, settings.installation)
    except JetStreamError as error:
        if error.code != STREAM_NOT_FOUND:
            raise
        raise BackupError(
            f"there is no stream {streams.POSITIONS}; start a worker once, it creates what is missing"
        ) from None
    if register.phase != "serving":
        raise BackupError("generations are being switched; back up when the switch is done")
    if register.serving != settings.generation:
        raise BackupError(
            f"generation {register.serving or '(first)'} serves: set PERSON_GENERATION={register.serving} and its PERSON_PARTITIONS"
        )
    declared = register.generations.get(register.serving)
    if declared is not None and declared.partitions != settings.partitions:
        raise BackupError(
            f"the generation that serves has {declared.partitions} partitions, and PERSON_PARTITIONS is {settings.partitions}: "
            f"set it to {declared.partitions}"
        )
    return sequence


class Saving:
    """One run: the parts that are missing, in the order that keeps them of one mind."""

    def __init__(self, nc: Client, settings: Settings, folder: Path, manifest: Manifest, say: Say) -> None:
        self.manifest = manifest
        self._nc = nc
        self._settings = settings
        self._folder = folder
        self._say = say

    async def run(self, names: Sequence[str]) -> None:
        """Save what is missing of these streams and of the tables; the manifest is complete then."""
        await self._require_room(names)
        before, behind = saving_order(names)
        for name in before:
            await self._stream(name)
        if any(self.manifest.part(table) is None for table in TABLES):
            self._keep(replace(self.manifest, decided=await self.decided()))
        for table in TABLES:
            if self.manifest.part(table) is None:
                self._keep(self.manifest.with_part(await save_rows(self._settings, table, self._folder)))
                self._say(f"table {table} saved")
        for name in behind:
            await self._stream(name)
        if await _require_serving(self._nc, self._settings) != self.manifest.register:
            raise BackupError(_changed(self._folder))
        self._keep(replace(self.manifest, ended=_now()))

    async def _stream(self, name: str) -> None:
        if self.manifest.part(name) is not None:
            return
        file = f"streams/{name}.tar.s2"
        path = self._folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        progress = _Progress(name, self._say)
        with path.open("wb") as target:
            saved = await save_stream(self._nc, name, target, moved=progress.moved)
            target.flush()
            os.fsync(target.fileno())
        self._keep(
            self.manifest.with_part(
                Part(name, file, saved.size, saved.sha256, config=dict(saved.config), state=dict(saved.state))
            )
        )
        self._say(f"stream {name} saved: {saved.state['messages']} messages, {saved.size} bytes")

    async def decided(self) -> bool:
        """Wait until every saved command has a durable outcome: what is answered later is answered on what the backup holds."""
        commands = self.manifest.part(streams.COMMANDS)
        assert commands is not None
        assert commands.state is not None
        last = int(commands.state["last_seq"])
        if last == 0:
            return True
        carried_to = topics.own_topics(self._settings.generation).commands
        log = ProcessedLog(
            streams.COMMANDS,
            consumer_feeding(routes_of(self._settings), carried_to),
            carried_to,
            self._settings.partitions,
            self._settings.app_id,
        )
        deadline = time.monotonic() + DECIDED_WITHIN_S
        while (await plan_trim(self._nc, self._settings.kafka, log, keep_s=0)).purge_below <= last:
            if time.monotonic() > deadline:
                self._say(
                    f"commands up to {last} were not decided within {DECIDED_WITHIN_S:g} s; they are decided after a restore"
                )
                return False
            await asyncio.sleep(0.2)
        return True

    async def _require_room(self, names: Sequence[str]) -> None:
        needed = 0
        for name in names:
            try:
                needed += int((await api(self._nc, f"STREAM.INFO.{name}"))["state"]["bytes"])
            except JetStreamError as error:
                if error.code != STREAM_NOT_FOUND:
                    raise
                raise BackupError(
                    f"there is no stream {name}; start a worker once, it creates what is missing"
                ) from None
        free = shutil.disk_usage(self._folder).free
        if free < needed:
            raise BackupError(f"the streams hold {needed >> 20} MiB, and {self._folder} has room for {free >> 20} MiB")

    def _keep(self, manifest: Manifest) -> None:
        manifest.write(self._folder)
        self.manifest = manifest


class _Progress:
    def __init__(self, name: str, say: Say) -> None:
        self._name, self._say = name, say
        self._bytes = self._said = 0

    def moved(self, many: int) -> None:
        self._bytes += many
        if self._bytes - self._said >= SAID_EVERY:
            self._said = self._bytes
            self._say(f"stream {self._name}: {self._bytes >> 20} MiB")


def _opened(settings: Settings, folder: Path, register: int) -> Manifest:
    """The manifest to go on with, in a folder that nobody else may read."""
    if not folder.exists():
        folder.mkdir(parents=True, mode=PRIVATE)
    if not (folder / NAME).exists():
        if any(folder.iterdir()):
            raise BackupError(f"{folder} is not empty and holds no backup; name a new folder")
        manifest = Manifest(
            settings.app_id, settings.partitions, VERSION, _now(), generation=settings.generation, register=register
        )
        manifest.write(folder)
        return manifest
    manifest = read_manifest(folder)
    if manifest.ended is not None:
        raise BackupError(f"{folder} holds a complete backup of {manifest.ended}; name a new folder")
    if (manifest.app_id, manifest.partitions) != (settings.app_id, settings.partitions):
        raise BackupError(f"{folder} holds the beginning of a backup of another installation; name a new folder")
    if manifest.register != register:
        raise BackupError(_changed(folder))
    return replace(manifest, parts=tuple(part for part in manifest.parts if is_whole(folder, part)))


def _changed(folder: Path) -> str:
    return f"the generations have changed since the backup in {folder} began, so it is of two minds; name a new folder"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
