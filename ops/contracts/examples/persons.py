"""The persons of the examples, and the ids of what they have."""

from __future__ import annotations

from typing import Final

ADA: Final = "0190c8a2-7b1e-7c3d-9a4f-00000000ada0"
BOB: Final = "0190c8a2-7b1e-7c3d-9a4f-00000000b0b0"
CARLA: Final = "0190c8a2-7b1e-7c3d-9a4f-0000000ca1a0"
DORA: Final = "0190c8a2-7b1e-7c3d-9a4f-00000000d0a0"
EDGAR: Final = "0190c8a2-7b1e-7c3d-9a4f-00000000ed60"
FRIDA: Final = "0190c8a2-7b1e-7c3d-9a4f-00000000f1d0"
GRETA: Final = "0190c8a2-7b1e-7c3d-9a4f-0000000061e0"
HEDY: Final = "0190c8a2-7b1e-7c3d-9a4f-0000000048d0"
INGE: Final = "0190c8a2-7b1e-7c3d-9a4f-000000001e60"


def component(number: int) -> str:
    """Id of a component."""
    return f"0190c8a2-8a10-7d22-a000-0000000000{number:02d}"


def command(number: int) -> str:
    """Id of the command that comes at a place of the story, from 1."""
    return f"0190c8a2-9c40-7a11-8000-000000000{number:03d}"


TITLE: Final = "0190c8a2-8a10-7d22-b000-000000000001"
ATTRIBUTE: Final = "0190c8a2-8a10-7d22-b000-000000000002"
EMPLOYMENT: Final = "0190c8a2-8a10-7d22-b000-000000000003"
HOLD: Final = "0190c8a2-8a10-7d22-b000-000000000004"

# Commands whose ids others are derived from.
FLAGGING: Final = command(901)
EXPORTING: Final = command(902)
ERASING_ADA: Final = command(903)
ERASING_FRIDA: Final = command(904)
