"""What happens in a round, as a pure function of its seed: faults with victim, moment and duration.

The same seed, mode and set of possible faults give the same plan on every machine."""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

WORKERS = ("worker-1", "worker-2")
FIRST_FAULT_S = 1.0
LOAD_AFTER_HEAL_S = 2.0


class Kind(StrEnum):
    """A fault that the harness can make."""

    KILL_WORKER = "kill_worker"
    PAUSE_WORKER = "pause_worker"
    DELETE_DATA = "delete_data"
    FULL_DISK = "full_disk"
    CLOCK_JUMP = "clock_jump"
    KILL_NATS = "kill_nats"
    KILL_KAFKA = "kill_kafka"
    CUT_NATS = "cut_nats"
    CUT_KAFKA = "cut_kafka"
    DELAY_NATS = "delay_nats"
    DELAY_KAFKA = "delay_kafka"
    HALF_OPEN_NATS = "half_open_nats"
    HALF_OPEN_KAFKA = "half_open_kafka"
    KILL_STREAM_LEADER = "kill_stream_leader"
    KILL_META_LEADER = "kill_meta_leader"
    CUT_OFF_STREAM_LEADER = "cut_off_stream_leader"
    PAUSE_STREAM_LEADER = "pause_stream_leader"
    KILL_PARTITION_LEADER = "kill_partition_leader"
    KILL_CONTROLLER = "kill_controller"
    CUT_OFF_PARTITION_LEADER = "cut_off_partition_leader"
    CUT_OFF_CONTROLLER = "cut_off_controller"
    PAUSE_PARTITION_LEADER = "pause_partition_leader"


OF_WORKER = frozenset({Kind.KILL_WORKER, Kind.PAUSE_WORKER, Kind.DELETE_DATA, Kind.FULL_DISK, Kind.CLOCK_JUMP})
OF_LINK = frozenset({Kind.CUT_NATS, Kind.DELAY_NATS, Kind.HALF_OPEN_NATS})
"""Each worker has a link of its own to a single NATS server; all share the address that Kafka advertises."""
OF_NATS = frozenset(
    {Kind.KILL_STREAM_LEADER, Kind.KILL_META_LEADER, Kind.CUT_OFF_STREAM_LEADER, Kind.PAUSE_STREAM_LEADER}
)
OF_KAFKA = frozenset(
    {
        Kind.KILL_PARTITION_LEADER,
        Kind.KILL_CONTROLLER,
        Kind.CUT_OFF_PARTITION_LEADER,
        Kind.CUT_OFF_CONTROLLER,
        Kind.PAUSE_PARTITION_LEADER,
    }
)
CLUSTER = OF_WORKER | OF_NATS | OF_KAFKA
"""Faults of three nodes: one NATS server and one broker at a time, so that a majority is left."""
SINGLE = frozenset(Kind) - OF_NATS - OF_KAFKA
"""Faults of one NATS server and one broker."""


@dataclass(frozen=True)
class Fault:
    """One fault: it begins `at_s` after the load and is healed `lasts_s` later. `amount` is its size where it has one."""

    kind: Kind
    victim: str
    at_s: float
    lasts_s: float
    amount: float = 0.0

    @property
    def healed_at_s(self) -> float:
        """When it is healed, in seconds after the load began."""
        return self.at_s + self.lasts_s

    def __str__(self) -> str:
        amount = f" ({self.amount:+g})" if self.amount else ""
        return f"{self.at_s:5.2f} s  {self.kind} of {self.victim}{amount} for {self.lasts_s:.2f} s"


@dataclass(frozen=True)
class RoundPlan:
    """The faults of a round, and for how long commands are sent."""

    seed: int
    faults: tuple[Fault, ...]
    load_s: float


def plan_round(seed: int, possible: Collection[Kind]) -> RoundPlan:
    """One to three faults of different victims. Commands are sent until shortly after the last one is healed."""
    chance = random.Random(f"faults {seed}")
    kinds = sorted(possible)
    faults: list[Fault] = []
    victims = {victim for kind in kinds for victim in _victims(kind)}
    wanted = min(chance.choices((1, 2, 3), weights=(3, 4, 3))[0], len(victims))
    while len(faults) < wanted:
        kind = chance.choice(kinds)
        victim = chance.choice(_victims(kind))
        if victim in {fault.victim for fault in faults}:
            continue
        at = round(chance.uniform(FIRST_FAULT_S, 4.0), 2)
        faults.append(Fault(kind, victim, at, *_duration_and_amount(kind, chance)))
    faults.sort(key=lambda fault: fault.at_s)
    return RoundPlan(seed, tuple(faults), round(max(fault.healed_at_s for fault in faults) + LOAD_AFTER_HEAL_S, 2))


def _victims(kind: Kind) -> tuple[str, ...]:
    if kind in OF_WORKER | OF_LINK:
        return WORKERS
    return ("nats",) if kind in OF_NATS or kind is Kind.KILL_NATS else ("kafka",)


def _duration_and_amount(kind: Kind, chance: random.Random) -> tuple[float, float]:
    if kind is Kind.PAUSE_WORKER:
        # Past the session of 5 s; now and then as long as a machine that was put to sleep.
        return round(chance.choice((chance.uniform(8.0, 10.0),) * 5 + (30.0,)), 2), 0.0
    if kind in {Kind.KILL_WORKER, Kind.DELETE_DATA}:
        # Sometimes the supervisor is quicker than the session, sometimes not.
        return round(chance.choice((chance.uniform(0.0, 0.5), chance.uniform(5.5, 7.5))), 2), 0.0
    if kind is Kind.CLOCK_JUMP:
        return round(chance.uniform(2.0, 4.0), 2), float(chance.choice((-7200, -120, -30, 30, 120, 7200)))
    if kind in {Kind.DELAY_NATS, Kind.DELAY_KAFKA}:
        return round(chance.uniform(2.0, 5.0), 2), round(chance.uniform(0.05, 0.4), 3)
    if kind in {Kind.KILL_NATS, Kind.KILL_KAFKA, Kind.FULL_DISK}:
        return round(chance.uniform(0.2, 4.0), 2), 0.0
    # Links: shorter and longer than the session.
    return round(chance.choice((chance.uniform(1.0, 3.0), chance.uniform(6.0, 9.0))), 2), 0.0
