"""The settings of any generation of the installation, told from those of one and from the register."""

from __future__ import annotations

from agents.generations import Generation, Register
from config.settings import Settings


def settings_of(settings: Settings, generation: Generation) -> Settings:
    """The settings with which workers of a generation run; all but what is its own is taken over."""
    return settings.model_copy(
        update={
            "generation": generation.name,
            "app_id": generation.app_id,
            "partitions": generation.partitions,
            "stream_partitions": settings.stored_partitions,
        }
    )


def app_id_of(settings: Settings, name: str) -> str:
    """The consumer group of a generation."""
    return f"{settings.installation}-{name}" if name else settings.installation


def shown(name: str) -> str:
    """A generation as operators name it."""
    return name or "first"


def named(text: str) -> str:
    """The generation that an operator names."""
    return "" if text == "first" else text


def serving_of(register: Register) -> Generation:
    """The declared generation that serves."""
    return register.generations[register.serving]
