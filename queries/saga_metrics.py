"""Metrics of sagas: how many there are and where they stand, how old they are, and what this worker has done for them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from agents.saga_counts import SagaCounts
from queries.metrics import Source
from queries.saga_census import Counted

OPEN = ("Running", "Compensating")


def of_sagas(counted: Callable[[], Sequence[Counted]], counts: SagaCounts) -> Source:
    """The census of the owned partitions, and the counters since the start of the worker."""

    def source() -> Iterator[Metric]:
        yield from _of_census(counted(), time.time())
        yield from _of_counts(counts)

    return source


def _of_census(counted: Sequence[Counted], now: float) -> Iterator[Metric]:
    sagas = GaugeMetricFamily(
        "person_sagas",
        "Sagas by name and status, those that have not ended by step.",
        labels=("saga", "status", "step"),
    )
    oldest = GaugeMetricFamily(
        "person_saga_oldest_seconds", "Age of the oldest saga that has not ended.", labels=("saga", "status")
    )
    stalest = GaugeMetricFamily(
        "person_saga_stalest_seconds",
        "Longest time without a change of a saga that has not ended.",
        labels=("saga", "status"),
    )
    many: Counter[tuple[str, str, str]] = Counter()
    began: dict[tuple[str, str], float] = {}
    changed: dict[tuple[str, str], float] = {}
    for one in counted:
        status = "Parked" if one.parked else one.status
        many[one.saga, status, one.step or ""] += one.many
        if one.parked or one.status in OPEN:
            kind = (one.saga, status)
            began[kind] = min(began.get(kind, one.oldest), one.oldest)
            changed[kind] = min(changed.get(kind, one.stalest), one.stalest)
    for labels, count in sorted(many.items()):
        sagas.add_metric(labels, count)
    for family, since in ((oldest, began), (stalest, changed)):
        for labels_of_age, at in sorted(since.items()):
            family.add_metric(labels_of_age, max(0.0, now - at))
    yield from (sagas, oldest, stalest)


def _of_counts(counts: SagaCounts) -> Iterator[Metric]:
    events = CounterMetricFamily(
        "person_saga_events", "Saga events whose effects were brought about.", labels=("saga", "event")
    )
    effects = CounterMetricFamily(
        "person_saga_effects",
        "Messages of sagas that were stored, and timers that were set or taken back.",
        labels=("saga", "kind"),
    )
    inputs = CounterMetricFamily("person_saga_inputs", "Messages that sagas have taken.", labels=("kind",))
    for labels, count in sorted(counts.events.items()):
        events.add_metric(labels, count)
    for labels, count in sorted(counts.effects.items()):
        effects.add_metric(labels, count)
    for kind, count in sorted(counts.inputs.items()):
        inputs.add_metric((kind,), count)
    yield from (events, effects, inputs)
    yield CounterMetricFamily(
        "person_saga_timers_late", "Timers that changed nothing, since their step had ended.", value=counts.timers_late
    )
    yield GaugeMetricFamily(
        "person_saga_timer_lateness_seconds", "How long after its time the last timer arrived.", value=counts.lateness_s
    )
