"""Declares a generation, so that workers may build it: nothing else is created before they start."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from nats.aio.client import Client

from agents.generations import Generation, Held, change_register, read_register
from config.settings import Settings
from ops.generations.errors import GenerationError
from ops.generations.naming import app_id_of

NAME = re.compile(r"[a-z][a-z0-9]{0,19}")


async def declare(nc: Client, settings: Settings, name: str, partitions: int, *, by: str) -> Held:
    """Add a generation to the register, the first one too if nobody has; a repeated declaration changes nothing.

    Raises GenerationError for a name that stands for another number of partitions, or for a generation that was dropped.
    """
    if not NAME.fullmatch(name) or name == "first":
        raise GenerationError(
            f"{name!r} is no name of a generation: it is a word of at most 20 lower-case letters and digits, a letter first, and not `first`"
        )
    held = await read_register(nc, settings.installation)
    known = held.register.generations
    if name in held.register.dropped:
        raise GenerationError(
            f"generation {name} was dropped, and folders of its workers may be left, with rows of their code; choose another name"
        )
    if name in known:
        if known[name].partitions != partitions:
            raise GenerationError(f"generation {name} has {known[name].partitions} partitions; choose another name")
        return held
    now = datetime.now(UTC).isoformat(timespec="seconds")
    declared = dict(known)
    if "" not in declared and "" not in held.register.dropped:
        declared[""] = Generation(
            name="",
            app_id=settings.installation,
            partitions=settings.stored_partitions,
            declared_at=now,
            declared_by=by,
        )
    declared[name] = Generation(
        name=name,
        app_id=app_id_of(settings, name),
        partitions=partitions,
        declared_at=now,
        declared_by=by,
    )
    register = held.register.model_copy(update={"generations": declared})
    return await change_register(nc, settings.installation, held, register)


def environment_of(settings: Settings, generation: Generation) -> dict[str, str]:
    """What the environment of a generation's workers says besides that of the others."""
    found = {"PERSON_GENERATION": generation.name, "PERSON_PARTITIONS": str(generation.partitions)}
    if generation.partitions != settings.stored_partitions:
        found["PERSON_STREAM_PARTITIONS"] = str(settings.stored_partitions)
    return {key: value for key, value in found.items() if value}
