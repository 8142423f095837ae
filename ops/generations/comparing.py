"""Compares the tables of one generation with an independent fold of the streams, whether it serves or stands by, while everything runs."""

from __future__ import annotations

from collections.abc import Callable

from nats.aio.client import Client

from agents.generations import read_register
from config.settings import Settings
from ops.generations.errors import GenerationError
from ops.generations.naming import settings_of, shown
from ops.verify.run import Report, Wanted, verify


async def compare(
    nc: Client, settings: Settings, name: str, wanted: Wanted, *, say: Callable[[str], None] | None = None
) -> Report:
    """Verify a generation as `person verify` does; raises GenerationError for an unknown one, and what `verify` raises."""
    register = (await read_register(nc, settings.installation)).register
    generation = register.generations.get(name)
    if generation is None:
        raise GenerationError(f"generation {shown(name)} is not declared; see `person generations status`")
    return await verify(settings_of(settings, generation), wanted, say=say)
