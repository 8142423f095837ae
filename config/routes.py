"""Where the packaged routes are, and what every file of routes must feed and may name."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from config.topics import COMMANDS, EVENTS, SAGAS, TIMERS

PACKAGED: Final = Path(__file__).with_name("routes.toml")
FED_TOPICS: Final = (EVENTS, COMMANDS, SAGAS, TIMERS)
"""Topics that lanes read: exactly one route feeds each."""
ADMIT_COMMAND: Final = "admit_command"
ADMIT_TIMER: Final = "admit_timer"
ADMIT_FOREIGN: Final = "admit_foreign"
ROUTERS: Final = (ADMIT_COMMAND, ADMIT_TIMER, ADMIT_FOREIGN)
"""Routers that a route may name; `wiring` resolves them."""
