"""Metrics of traces: spans that were written, and those that were lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, Metric

from queries.metrics import Source


class WritingSpans(Protocol):
    """What a recorder of spans counts."""

    @property
    def written(self) -> int:
        """Spans that were handed to the exporter."""

    @property
    def dropped(self) -> Mapping[str, int]:
        """Spans that were lost, by reason."""


def of_traces(recorder: WritingSpans | None) -> Source:
    """The spans of this worker; none while traces are off."""

    def source() -> Iterator[Metric]:
        written = 0 if recorder is None else recorder.written
        yield CounterMetricFamily("person_trace_spans", "Spans that were handed to the exporter.", value=written)
        dropped = CounterMetricFamily("person_trace_spans_dropped", "Spans that were lost.", labels=("reason",))
        if recorder is not None:
            for reason, spans in recorder.dropped.items():
                dropped.add_metric((reason,), spans)
        yield dropped

    return source
