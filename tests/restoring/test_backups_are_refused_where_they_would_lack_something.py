"""A backup is taken of the generation that serves, and not before there is anything to take."""

from __future__ import annotations

from pathlib import Path

import pytest
from nats.aio.client import Client

from agents.generations import Generation, Held, Register, change_register
from bridge.streams import ensure_stream
from config import streams
from config.settings import Settings
from ops.backup.manifest import BackupError, Manifest, Part
from ops.backup.restoring import restore
from ops.backup.saving import Saving, backup


async def test_another_generation_or_none_is_refused_before_a_folder_is_made(own_nats: str, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    settings = Settings(nats_url=own_nats)
    with pytest.raises(BackupError, match="start a worker once"):
        await backup(settings, folder)

    nc = Client()
    await nc.connect(own_nats)
    for declared in streams.streams(settings.partitions, 1):
        await ensure_stream(nc, declared)
    held = await change_register(nc, settings.installation, Held(Register(), 0), Register(serving="wide"))
    with pytest.raises(BackupError, match="set PERSON_GENERATION=wide"):
        await backup(settings, folder)
    held = await change_register(nc, settings.installation, held, Register(phase="draining", following="wide"))
    with pytest.raises(BackupError, match="are being switched"):
        await backup(settings, folder)
    narrow = Generation(name="", app_id="person", partitions=4, declared_at="2026-01-01", declared_by="user:x")
    await change_register(nc, settings.installation, held, Register(generations={"": narrow}))
    with pytest.raises(BackupError, match="set it to 4"):
        await backup(settings, folder)
    await nc.close()

    assert not folder.exists()


async def test_a_backup_that_was_begun_before_generations_changed_does_not_go_on(own_nats: str, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    settings = Settings(nats_url=own_nats)
    nc = Client()
    await nc.connect(own_nats)
    for declared in streams.streams(settings.partitions, 1):
        await ensure_stream(nc, declared)
    folder.mkdir()
    Manifest(settings.app_id, settings.partitions, "1", "2026-01-01T00:00:00Z").write(folder)
    await change_register(nc, settings.installation, Held(Register(), 0), Register(term=2))
    await nc.close()

    with pytest.raises(BackupError, match="name a new folder"):
        await backup(settings, folder)


async def test_a_backup_without_any_command_waits_for_no_decision(tmp_path: Path) -> None:
    commands = Part(streams.COMMANDS, "streams/x", 0, "", config={}, state={"messages": 0, "last_seq": 0})
    manifest = Manifest("person", 8, "1", "2026-01-01T00:00:00Z", parts=(commands,))

    # It asks no server, so none is connected.
    assert await Saving(Client(), Settings(), tmp_path, manifest, lambda _line: None).decided()


async def test_a_backup_is_restored_to_the_generation_that_it_is_of(tmp_path: Path) -> None:
    now = "2026-01-01T00:00:00Z"
    Manifest("person-wide", 16, "1", now, ended=now, generation="wide").write(tmp_path)

    with pytest.raises(BackupError, match="set PERSON_GENERATION=wide and PERSON_PARTITIONS=16"):
        await restore(Settings(), tmp_path)
    with pytest.raises(BackupError, match="PERSON_APP_ID is 'people': set it to 'person'"):
        await restore(Settings(app_id="people", generation="wide", partitions=16), tmp_path)
