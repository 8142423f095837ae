"""The parts of a worker's status document, each from what a part of the worker holds in memory.

Guarantee: names of agents, routes, sagas, policies and addresses of workers, numbers and times; no person and nothing that a person has said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from agents.policy_counters import PolicyCounters
from agents.rule_book import RuleBook
from bridge.backlog import Backlog
from lanes.clock_reading import ClockReading
from queries.lane_metrics import CountingLane, EndOfLog
from queries.saga_census import Counted
from queries.saga_metrics import OPEN
from queries.status.health import Lag
from queries.tables_of_worker import WorkerTables


class MeasuredLane(NamedTuple):
    """What waits in one lane: records, and the time of the oldest in milliseconds since the epoch."""

    topic: str
    partition: int
    unfinished: int
    oldest_ms: int | None


def lag_of(lanes: Iterable[MeasuredLane], now: float) -> dict[int, Lag]:
    """What waits by partition, over the lanes of all its topics. `now` is seconds since the epoch."""
    found: dict[int, Lag] = {}
    for lane in lanes:
        # The clocks of two machines may differ by more than it waited.
        age = None if lane.oldest_ms is None else max(0.0, now - lane.oldest_ms / 1000)
        found[lane.partition] = found.get(lane.partition, Lag()).and_(Lag(lane.unfinished, age))
    return found


def together(lags: Iterable[Lag]) -> Lag:
    """What waits in all of them."""
    whole = Lag()
    for lag in lags:
        whole = whole.and_(lag)
    return whole


def partitions(
    tables: WorkerTables, owners: Mapping[int, str], lag: Mapping[int, Lag], standbys: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """One row per partition of the installation: its owner as the group has told it, and more of what this worker owns or stands by for."""
    owned = tables.owned()
    behind: Counter[int] = Counter()
    for replica in standbys:
        behind[replica["partition"]] += replica["rows_to_go"]
    waiting = tables.index.backlog() if tables.index is not None else {}
    rows = []
    for partition in range(tables.partitions):
        own = partition in owned
        of_partition = lag.get(partition, Lag())
        rows.append(
            {
                "partition": partition,
                "owner": owners.get(partition),
                "own": own,
                "lag_records": of_partition.records if own else None,
                "lag_seconds": _rounded(of_partition.seconds) if own else None,
                "stream_sequence": tables.positions.applied(partition) if own else None,
                "index_rows_waiting": waiting.get(partition) if own else None,
                "quarantined": sum(tables.quarantine.parked_persons([partition]).values()) if own else None,
                "standby_rows_to_go": behind.get(partition),
            }
        )
    return rows


def routes(report: Iterable[Mapping[str, Any]], backlogs: Mapping[str, Backlog], now: float) -> list[dict[str, Any]]:
    """One row per route of the bridge as this worker carries it, and what it has left to carry as it was counted last."""
    return [
        {
            "route": one["name"],
            "carries": len(one["carries"]),
            "per_second": round(one["rate"], 1),
            "carried": one["carried"],
            "rejected": one["rejected"],
            "waiting": left.pending + left.unacknowledged,
            "oldest_seconds": None if left.oldest is None else _rounded(max(0.0, now - left.oldest)),
            "waits_for_stream": bool(one.get("waits_for_stream")),
            "last_error": one["last_error"],
        }
        for one in report
        for left in [backlogs.get(one["name"], Backlog())]
    ]


def sagas(counted: Sequence[Counted], now: float) -> list[dict[str, Any]]:
    """One row per saga and status, those that wait for an operator first, then those that have not ended; with the stalest and its step."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    stalest: dict[tuple[str, str], float] = {}
    for one in counted:
        status = "Parked" if one.parked else one.status
        is_open = one.parked or one.status in OPEN
        kind = (one.saga, status)
        row = rows.setdefault(
            kind,
            {
                "saga": one.saga,
                "status": status,
                "many": 0,
                "oldest_seconds": None,
                "stalest_seconds": None,
                "stalest_step": None,
            },
        )
        row["many"] += one.many
        if is_open:
            row["oldest_seconds"] = max(row["oldest_seconds"] or 0.0, _rounded(max(0.0, now - one.oldest)) or 0.0)
            if one.stalest < stalest.get(kind, float("inf")):
                stalest[kind] = one.stalest
                row["stalest_seconds"] = _rounded(max(0.0, now - one.stalest))
                row["stalest_step"] = one.step
    order = {"Parked": 0, "Compensating": 1, "Running": 2}
    return sorted(rows.values(), key=lambda row: (order.get(row["status"], 3), row["saga"], row["status"]))


def quarantine(tables: WorkerTables, now: float) -> list[dict[str, Any]]:
    """One row per agent for which persons of this worker's partitions wait."""
    owned = tables.owned()
    since = tables.quarantine.oldest_since(owned)
    return [
        {
            "agent": agent,
            "persons": persons,
            "oldest_seconds": _rounded(max(0.0, now - since[agent])) if agent in since else None,
        }
        for agent, persons in sorted(tables.quarantine.parked_persons(owned).items())
        if persons
    ]


def dead_letters(
    stored: Mapping[tuple[str, str], int], held: Mapping[tuple[str, str], int] | None
) -> list[dict[str, Any]]:
    """One row per consumer and cause: letters that this worker has stored since its start, and those that the stream holds.

    `held` is None on a worker that does not count the stream.
    """
    return [
        {
            "consumer": consumer,
            "cause": cause,
            "stored": stored.get((consumer, cause), 0),
            "open": None if held is None else held.get((consumer, cause), 0),
        }
        for consumer, cause in sorted({*stored, *(held or {})})
    ]


def policies(book: RuleBook, counters: PolicyCounters, age_s: float) -> dict[str, Any]:
    """Which policies are in force here, which cannot be asked, and what they have answered since the start."""
    names = sorted(book.states)
    verdicts: dict[str, Counter[str]] = {}
    for (policy, verdict), count in counters.verdicts.items():
        verdicts.setdefault(policy, Counter())[verdict] += count
    faults: Counter[str] = Counter()
    for (policy, _), count in counters.faults.items():
        faults[policy] += count
    return {
        "rules_age_seconds": round(age_s, 1),
        "in_force": [
            {
                "policy": name,
                "status": "active" if active is not None else "shadow",
                "version": active.document.version
                if active is not None
                else max(one.document.version for one in shadow),
                "asked": sum(verdicts.get(name, Counter()).values()),
                "verdicts": dict(sorted(verdicts.get(name, Counter()).items())),
                "faults": faults[name],
            }
            for name in names
            for active, shadow in [(book.states[name].active, book.states[name].in_shadow)]
            if active is not None or shadow
        ],
        "unusable": [{"policy": one.policy_id, "version": one.version} for one in book.unusable],
    }


def broker_clocks(readings: Mapping[int, ClockReading]) -> list[dict[str, Any]]:
    """How far the clock of each broker is surely ahead of ours, as it was told by its last append."""
    return [{"broker": broker, "ahead_seconds": round(one.ahead, 3)} for broker, one in sorted(readings.items())]


def owners_of(metadata: Mapping[str, Mapping[str, Iterable[int]]], topic: str) -> dict[int, str]:
    """Owner by partition from what the group tells: address of a worker, topic, partitions."""
    return {partition: address for address, topics in metadata.items() for partition in topics.get(topic, ())}


def measured(lanes: Iterable[CountingLane], end_of_log: EndOfLog) -> list[MeasuredLane]:
    """What the lanes have not finished, with what lies in the log behind what they have accepted."""
    return [
        MeasuredLane(
            lane.topic,
            lane.partition,
            lane.unfinished + max(0, (end_of_log(lane.topic, lane.partition) or 0) - lane.expected_offset),
            lane.oldest_ms,
        )
        for lane in lanes
    ]


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
