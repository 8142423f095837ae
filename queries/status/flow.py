"""What flows through the lanes of a worker: rates and latency of the last seconds, sampled once a second from what lanes count anyway.

Guarantee: lanes pay nothing for it, and its memory is bounded."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from lanes.distribution import SECONDS, Distribution

HISTORY = 120
"""Samples that are kept, one a second: two minutes."""
SMOOTHED = 5
"""Samples over which a rate is told: a single second of small cycles is nervous."""

Counts = Sequence[int]
"""Observations by bound of SECONDS; the last are those above all bounds."""


class FlowingLane(Protocol):
    """What a lane counts."""

    topic: str
    records_done: int
    busy_seconds: float

    @property
    def backlog(self) -> int:
        """Records accepted and not yet taken by a cycle."""


class Sample(NamedTuple):
    """What happened within `seconds`: records and busy seconds by topic, and what the distribution of latency gained."""

    seconds: float
    records: Mapping[str, int]
    busy: Mapping[str, float]
    latency: Counts


class Flow:
    """Samples of one worker, the last two minutes of them. `events` is the topic whose records count as events.

    `latency` gives the distributions of the time from append to visible since the start; they are taken together.
    """

    def __init__(
        self,
        lanes: Callable[[], Sequence[FlowingLane]],
        latency: Callable[[], Iterable[Distribution]],
        *,
        events: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lanes = lanes
        self._latency = latency
        self._events = events
        self._clock = clock
        self._at = clock()
        self._counted: Mapping[FlowingLane, tuple[int, float]] = {}
        self._observed = _nothing()
        self._samples: deque[Sample] = deque(maxlen=HISTORY)

    def sample(self) -> None:
        """Take the difference to the sample before. A lane that starts anew counts from 0, as a new one."""
        now = self._clock()
        counted = {lane: (lane.records_done, lane.busy_seconds) for lane in self._lanes()}
        observed = _together(one.counts for one in self._latency())
        records: Counter[str] = Counter()
        busy: dict[str, float] = {}
        for lane, (done, spent) in counted.items():
            done_before, spent_before = self._counted.get(lane, (0, 0.0))
            records[lane.topic] += done - done_before
            busy[lane.topic] = busy.get(lane.topic, 0.0) + spent - spent_before
        gained = [count - before for count, before in zip(observed, self._observed, strict=True)]
        self._samples.append(Sample(max(now - self._at, 1e-3), records, busy, gained))
        self._at, self._counted, self._observed = now, counted, observed

    def told(self) -> dict[str, Any]:
        """Rates by topic over the last seconds, latency of the last two minutes, and the history of both, oldest first."""
        latest = list(self._samples)[-SMOOTHED:]
        seconds = sum(one.seconds for one in latest) or 1.0
        by_topic = [
            {
                "topic": topic,
                "per_second": round(sum(one.records.get(topic, 0) for one in latest) / seconds, 1),
                "busy_share": round(sum(one.busy.get(topic, 0.0) for one in latest) / seconds, 3),
                "records": sum(lane.records_done for lane in self._counted if lane.topic == topic),
                "backlog": sum(lane.backlog for lane in self._counted if lane.topic == topic),
                "lanes": sum(lane.topic == topic for lane in self._counted),
            }
            for topic in sorted({lane.topic for lane in self._counted})
        ]
        observed = _together(one.latency for one in self._samples)
        return {
            "events_per_second": next((one["per_second"] for one in by_topic if one["topic"] == self._events), 0.0),
            "topics": by_topic,
            "latency": {
                "measured": sum(observed),
                "p50_seconds": quantile(observed, 0.5),
                "p95_seconds": quantile(observed, 0.95),
            },
            "history": {
                "events_per_second": [
                    round(one.records.get(self._events, 0) / one.seconds, 1) for one in self._samples
                ],
                "p95_seconds": [quantile(one.latency, 0.95) for one in self._samples],
            },
        }


def quantile(counts: Counts, share: float) -> float | None:
    """The seconds below which a share of the observations lies, drawn straight through its bucket; None without any.

    Of what lies above all bounds the last bound is told.
    """
    wanted = share * sum(counts)
    if not wanted:
        return None
    below, passed = 0.0, 0
    for bound, count in zip(SECONDS, counts, strict=False):
        if count and passed + count >= wanted:
            return round(below + (bound - below) * (wanted - passed) / count, 6)
        below, passed = bound, passed + count
    return below


def _nothing() -> list[int]:
    return [0] * (len(SECONDS) + 1)


def _together(several: Iterable[Counts]) -> list[int]:
    return [sum(counts) for counts in zip(_nothing(), *several, strict=True)]
