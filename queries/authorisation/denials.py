"""The record of what was denied: counted always, logged once a minute for each kind.

Guarantee: neither metric nor log shows more than names of principals, queries and pages; no address, no parameter, no person."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, Metric

from queries.authorisation.port import Asked, Authorise, Verdict, closed_to_all
from queries.metrics import Source

logger = logging.getLogger("person.audit")

LOGGED_EVERY_S = 60.0
MAX_KINDS = 1000
"""Kinds of denials that are remembered for the log; names that come from outside must not fill the memory."""


class Audited:
    """A port whose denials are recorded; itself the port."""

    def __init__(self, authorise: Authorise, clock: Callable[[], float] = time.monotonic) -> None:
        self.denied: Counter[tuple[str, str]] = Counter()
        """By action and resource since the start of the worker."""
        self._authorise = authorise
        self._clock = clock
        self._logged: dict[Asked, float] = {}

    def __call__(self, asked: Asked) -> Verdict:
        """The verdict of the port behind."""
        verdict = self._authorise(asked)
        if not verdict.allowed:
            self.record(asked, verdict.reason)
        return verdict

    def say_if_closed(self) -> None:
        """Log what to do when nobody may do anything, so that nobody looks for a fault elsewhere."""
        if self._authorise is closed_to_all:
            logger.warning("nobody may ask queries or read pages: set PERSON_GRANTS_FILE, or PERSON_ACCESS=open")

    def record(self, asked: Asked, reason: str) -> None:
        """Count and log a denial."""
        self.denied[asked.action, asked.resource] += 1
        now = self._clock()
        if now - self._logged.get(asked, -LOGGED_EVERY_S) < LOGGED_EVERY_S:
            return
        if len(self._logged) >= MAX_KINDS:
            self._logged.clear()
        self._logged[asked] = now
        logger.warning("denied: %s %s to %s (%s)", asked.action, asked.resource, asked.who, reason)


def of_denials(audited: Audited) -> Source:
    """What was denied since the start of the worker."""

    def source() -> Iterator[Metric]:
        family = CounterMetricFamily(
            "person_access_denied", "Queries and pages that were denied.", labels=["action", "resource"]
        )
        for (action, resource), count in sorted(audited.denied.items()):
            family.add_metric([action, resource], count)
        yield family

    return source
