"""The recorder of a verb that sends commands, while PERSON_TRACES is on; what it wrote is exported before the verb ends."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from config.settings import Settings
from config.version import VERSION
from tracing.otlp import open_recorder

if TYPE_CHECKING:
    from tracing.recorder import SpanRecorder

SERVICE = "person-cli"


@asynccontextmanager
async def client_traces(settings: Settings) -> AsyncIterator[SpanRecorder | None]:
    """A recorder for a client, None while traces are off. Raises TracesUnavailableError."""
    if not settings.traces:
        yield None
        return
    recorder = open_recorder(service=SERVICE, instance=str(os.getpid()), version=VERSION)
    try:
        yield recorder
    finally:
        await recorder.close()
