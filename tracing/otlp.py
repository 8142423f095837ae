"""A recorder that exports by OTLP over HTTP, set by the standard `OTEL_…` variables."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracing.recorder import SpanRecorder

MAX_QUEUE = 2048
"""Spans that wait for the collector unless `OTEL_BSP_MAX_QUEUE_SIZE` says otherwise."""
MAX_EXPORT = 512
"""Spans of one request unless `OTEL_BSP_MAX_EXPORT_BATCH_SIZE` says otherwise."""


class TracesUnavailableError(Exception):
    """Traces are wanted and cannot be had; the message says what to do."""


def open_recorder(*, service: str, instance: str, version: str) -> SpanRecorder:
    """A recorder whose spans name a service and one instance of it; `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` go first.

    Raises TracesUnavailableError when the packages are missing or a variable is wrong.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource

        from tracing.recorder import SpanRecorder
    except ImportError as error:
        raise TracesUnavailableError(
            f"PERSON_TRACES is on, but {error.name} is not installed: pip install 'person-stream[tracing]'"
        ) from None
    try:
        max_queue, max_export = (
            _number("OTEL_BSP_MAX_QUEUE_SIZE", MAX_QUEUE),
            _number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", MAX_EXPORT),
        )
        own = Resource.create({"service.name": service, "service.instance.id": instance, "service.version": version})
        resource = own.merge(OTELResourceDetector().detect())
        return SpanRecorder(OTLPSpanExporter(), resource, max_queue=max_queue, max_export=max_export)
    except ValueError as error:
        raise TracesUnavailableError(f"a variable OTEL_… is wrong: {error}") from None


def _number(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdigit() or int(text) < 1:
        raise ValueError(f"{name} must be a number from 1 on")
    return int(text)
