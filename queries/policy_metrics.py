"""Metrics of policies: which are in force on this worker, what it has asked them, and how long that took."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from agents.policy_counters import PolicyCounters
from agents.rule_book import RuleBook
from queries.metrics import Source


def of_policies(book: RuleBook, counters: PolicyCounters) -> Source:
    """The rule book, and the counters since the start of the worker."""

    def source() -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "person_rules_stream_sequence",
            "Stream sequence of the last rule event in force.",
            value=book.stream_sequence,
        )
        yield GaugeMetricFamily(
            "person_rules_age_seconds",
            "Time since the worker has seen the end of the rule events.",
            value=round(time.monotonic() - book.looked_at, 3),
        )
        versions = GaugeMetricFamily("person_policy_versions", "Versions of policies.", labels=("status",))
        statuses = Counter(held.status for state in book.states.values() for held in state.versions.values())
        for status, count in sorted(statuses.items()):
            versions.add_metric((status,), count)
        yield versions
        yield GaugeMetricFamily(
            "person_policies_unusable", "Policies in force that this release cannot ask.", value=len(book.unusable)
        )
        yield from _asked(counters)

    return source


def _asked(counters: PolicyCounters) -> Iterator[Metric]:
    labels = ("policy",)
    verdicts = CounterMetricFamily("person_policy_verdicts", "Answers of policies.", labels=("policy", "verdict"))
    faults = CounterMetricFamily("person_policy_faults", "Answers that are no verdict.", labels=("policy", "fault"))
    seconds = CounterMetricFamily("person_policy_seconds", "Time that policies have taken.", labels=labels)
    slow = CounterMetricFamily("person_policy_slow", "Answers that took more than a millisecond.", labels=labels)
    longest = GaugeMetricFamily("person_policy_longest_seconds", "The longest answer.", labels=labels)
    for (policy, verdict), count in sorted(counters.verdicts.items()):
        verdicts.add_metric((policy, verdict), count)
    for (policy, fault), count in sorted(counters.faults.items()):
        faults.add_metric((policy, fault), count)
    for policy, spent in sorted(counters.seconds.items()):
        seconds.add_metric((policy,), spent)
    for policy, count in sorted(counters.slow.items()):
        slow.add_metric((policy,), count)
    for policy, spent in sorted(counters.longest.items()):
        longest.add_metric((policy,), spent)
    yield from (verdicts, faults, seconds, slow, longest)
