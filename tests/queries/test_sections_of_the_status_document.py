"""The parts of the status document say what the parts of a worker hold, and have the fields that the page reads."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from agents.policy_counters import PolicyCounters
from bridge.backlog import Backlog
from queries.saga_census import Counted
from queries.status import sections
from queries.status.health import Lag
from queries.status.sections import MeasuredLane
from tests.queries.test_the_status_page_reads_what_is_told import EXAMPLES

NOW = 1_000.0


def test_the_lag_of_a_partition_is_that_of_all_its_lanes_and_never_negative() -> None:
    lanes = [
        MeasuredLane("person.events", 0, 5, 990_000),
        MeasuredLane("person.commands", 0, 2, 999_000),
        MeasuredLane("person.events", 1, 0, None),
        MeasuredLane("person.sagas", 2, 1, 1_000_500),
    ]

    lag = sections.lag_of(lanes, NOW)
    assert lag == {0: Lag(7, 10.0), 1: Lag(0, None), 2: Lag(1, 0.0)}
    assert sections.together(lag.values()) == Lag(8, 10.0)
    assert sections.together([]) == Lag()


def test_what_lies_in_the_log_behind_a_lane_waits_too() -> None:
    lane: Any = SimpleNamespace(topic="person.events", partition=3, unfinished=2, oldest_ms=5, expected_offset=40)

    assert sections.measured([lane], lambda _topic, _partition: 45) == [MeasuredLane("person.events", 3, 7, 5)]
    assert sections.measured([lane], lambda _topic, _partition: None) == [MeasuredLane("person.events", 3, 2, 5)]


def _tables(**parked: int) -> Any:
    return SimpleNamespace(
        partitions=3,
        owned=lambda: frozenset({0, 2}),
        index=SimpleNamespace(backlog=lambda: {0: 4}),
        positions=SimpleNamespace(applied=lambda partition: 100 + partition),
        quarantine=SimpleNamespace(
            parked_persons=lambda _partitions: parked, oldest_since=lambda _partitions: {"project_search": 940}
        ),
    )


def test_every_partition_of_the_installation_has_a_row_and_own_ones_say_more() -> None:
    standbys = [
        {"table": "summary", "partition": 1, "rows_to_go": 3},
        {"table": "views", "partition": 1, "rows_to_go": 4},
    ]
    rows = sections.partitions(_tables(project_search=2), {0: "http://a", 1: "http://b"}, {0: Lag(7, 10.0)}, standbys)

    assert [row["owner"] for row in rows] == ["http://a", "http://b", None]
    assert [row["own"] for row in rows] == [True, False, True]
    assert [row["lag_records"] for row in rows] == [7, None, 0]
    assert [row["standby_rows_to_go"] for row in rows] == [None, 7, None]
    assert [row["stream_sequence"] for row in rows] == [100, None, 102]
    assert rows[0]["quarantined"] == 2


def test_quarantine_is_told_by_agent_with_its_longest_wait() -> None:
    rows = sections.quarantine(_tables(project_search=2, project_views=0), NOW)

    assert rows == [{"agent": "project_search", "persons": 2, "oldest_seconds": 60.0}]
    assert rows[0].keys() == EXAMPLES["agent"].keys()


def test_dead_letters_are_those_of_this_worker_and_those_that_wait() -> None:
    rows = sections.dead_letters({("decide_person", "poison"): 1}, {("events", "unmappable"): 2})

    assert [(row["consumer"], row["stored"], row["open"]) for row in rows] == [
        ("decide_person", 1, 0),
        ("events", 0, 2),
    ]
    assert rows[0].keys() == EXAMPLES["letter"].keys()
    assert sections.dead_letters({("a", "b"): 1}, None)[0]["open"] is None


def test_sagas_that_wait_for_an_operator_come_first_and_the_stalest_names_its_step() -> None:
    counted = [
        Counted("merge", "Completed", False, None, 40, 10.0, 20.0),
        Counted("merge", "Running", False, "freeze", 2, 400.0, 900.0),
        Counted("merge", "Running", False, "absorb", 1, 300.0, 500.0),
        Counted("erasure", "Failed", True, "shred", 1, 100.0, 200.0),
    ]
    rows = sections.sagas(counted, NOW)

    assert [(row["saga"], row["status"], row["many"]) for row in rows] == [
        ("erasure", "Parked", 1),
        ("merge", "Running", 3),
        ("merge", "Completed", 40),
    ]
    assert (rows[1]["oldest_seconds"], rows[1]["stalest_seconds"], rows[1]["stalest_step"]) == (700.0, 500.0, "absorb")
    assert rows[2]["oldest_seconds"] is None
    assert rows[0].keys() == EXAMPLES["saga"].keys()


def test_a_route_says_what_it_has_left_and_how_old_that_is() -> None:
    report = [{"name": "events", "carries": ["e-0"], "carried": 9, "rejected": 1, "rate": 2.25, "last_error": None}]

    [row] = sections.routes(report, {"events": Backlog(3, 4, 990.0)}, NOW)
    assert (row["waiting"], row["oldest_seconds"], row["per_second"], row["carries"]) == (7, 10.0, 2.2, 1)
    [unknown] = sections.routes(report, {}, NOW)
    assert (unknown["waiting"], unknown["oldest_seconds"]) == (0, None)


def test_policies_in_force_are_told_with_their_answers_and_faults() -> None:
    version = SimpleNamespace(document=SimpleNamespace(version=3))
    book: Any = SimpleNamespace(
        states={
            "welcome": SimpleNamespace(active=version, in_shadow=()),
            "trial": SimpleNamespace(active=None, in_shadow=(version,)),
            "retired": SimpleNamespace(active=None, in_shadow=()),
        },
        unusable=[SimpleNamespace(policy_id="future", version=1)],
    )
    counters = PolicyCounters()
    counters.verdicts["welcome", "sent"] = 2
    counters.faults["welcome", "type"] = 1

    told = sections.policies(book, counters, 0.04)
    by_name = {row["policy"]: row for row in told["in_force"]}
    assert (by_name["welcome"]["asked"], by_name["welcome"]["faults"], by_name["trial"]["status"]) == (2, 1, "shadow")
    assert by_name["welcome"].keys() == EXAMPLES["policy"].keys()
    assert told["unusable"] == [{"policy": "future", "version": 1}]


def test_owners_are_read_from_what_the_group_tells() -> None:
    told = {"http://a": {"person.events": [0, 1], "person.commands": [0, 1]}, "http://b": {"person.events": [2]}}

    assert sections.owners_of(told, "person.events") == {0: "http://a", 1: "http://a", 2: "http://b"}
