"""A backup is taken of the generation that serves, and not before there is anything to take."""

from __future__ import annotations

from pathlib import Path

import pytest
from nats.aio.client import Client

from agents.generations import Held, Register, change_register
from bridge.streams import ensure_stream
from config import streams
from config.settings import Settings
from ops.backup.manifest import BackupError
from ops.backup.saving import backup


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
    await change_register(nc, settings.installation, held, Register(phase="draining", following="wide"))
    with pytest.raises(BackupError, match="are being switched"):
        await backup(settings, folder)
    await nc.close()

    assert not folder.exists()
