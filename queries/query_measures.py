"""What a worker has answered clients, counted for its metrics."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from lanes.distribution import Distribution

ANSWERED = "ok"
"""The code of an answer that is none of an error."""


class QueryMeasures:
    """Counts since the start of the worker, by query."""

    def __init__(self) -> None:
        self.answered: Counter[tuple[str, str]] = Counter()
        """By query and code; a stream counts when it ends."""
        self.seconds: defaultdict[str, Distribution] = defaultdict(Distribution)
        """Of answers in one message."""

    def count(self, query: str, code: str = ANSWERED) -> None:
        """Count an answer."""
        self.answered[query, code] += 1

    @contextmanager
    def timed(self, query: str) -> Iterator[None]:
        """Measure an answer in one message, whatever it says."""
        began = perf_counter()
        try:
            yield
        finally:
            self.seconds[query].observe(perf_counter() - began)
