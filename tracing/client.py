"""The first span of a trace: a client that sends a command, and has it carry its trace context."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import orjson

from tracing.message import read_message
from tracing.recorder import SpanRecorder
from tracing.sending import write_sent


class SentCommand:
    """A command on its way to its stream."""

    def __init__(self, recorder: SpanRecorder, envelope: dict[str, Any]) -> None:
        """`envelope` gets a `traceparent`, unless it has one of its own: then the trace is somebody else's, and so is its first span."""
        self._recorder = recorder
        self._is_own = "traceparent" not in envelope
        message = read_message(orjson.dumps(envelope))
        if self._is_own and message is not None:
            envelope["traceparent"] = recorder.traceparent(message)
        self._message = read_message(orjson.dumps(envelope))
        self._began = time.time_ns()

    def stored(self, subject: str, acknowledgement: Mapping[str, Any]) -> None:
        """The stream has acknowledged it."""
        message = self._message
        if self._is_own and message is not None and self._recorder.is_sampled(message):
            write_sent(self._recorder, message, subject, acknowledgement, self._began, time.time_ns())
