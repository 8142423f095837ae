"""Whether clocks agree: this machine, the servers of NATS and Kafka, and the workers.

Guarantee: pure; a difference counts only as far as the time that the question took cannot explain it."""

from __future__ import annotations

from ops.doctor.finding import Finding, good

WARNING_S = 1.0
ERROR_S = 30.0
"""Timers, retention and ages of sagas are off by as much; half a minute is a step of a saga."""


def clock_finding(whose: str, ahead: float, than: str = "this machine's") -> Finding:
    """What it means that a clock is surely some seconds ahead of another one, or behind when they are negative."""
    if abs(ahead) < WARNING_S:
        return good(f"clock {whose}", f"agrees with {than}")
    return Finding(
        f"clock {whose}",
        "error" if abs(ahead) >= ERROR_S else "warning",
        f"{abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} {than}",
        "nothing is lost, but timers fire early or late, and ages and latencies are wrong by as much",
        "synchronise the clocks of all machines (NTP) and see which one is wrong",
    )
