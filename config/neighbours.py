"""Where the packaged faults of the simulated neighbours are."""

from __future__ import annotations

from pathlib import Path
from typing import Final

FAULTS: Final = Path(__file__).with_name("neighbours.toml")
