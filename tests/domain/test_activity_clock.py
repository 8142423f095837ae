"""The activity clock: which threshold of silence is due, for whom, and under which id it is reported."""

from __future__ import annotations

from datetime import timedelta

import orjson
import pytest
from hypothesis import given as forall
from hypothesis import strategies as st

from domain.command_data.policy import MAX_THRESHOLD_DAYS
from domain.ids import derive
from domain.person import Person, dump_state
from domain.status import Status
from domain.views.activity import Silence, activity_row, highest_threshold, silence_of
from tests.domain.specification import NOW, uuid

THRESHOLDS = [30, 90, 180, *range(366, MAX_THRESHOLD_DAYS + 1, 90)]
ADA = uuid("ada")


def _person(**members: object) -> Person:
    return Person.new(ADA).model_copy(update={"created_at": NOW, "status": Status.ACTIVE, **members})


@pytest.mark.parametrize(
    ("days", "threshold"),
    [(0, None), (29, None), (30, 30), (89, 30), (90, 90), (365, 180), (366, 366), (455, 366), (456, 456), (546, 546)],
)
def test_the_thresholds_are_those_of_the_specification(days: int, threshold: int | None) -> None:
    assert highest_threshold(days) == threshold


@forall(days=st.integers(0, 100_000), reported=st.sampled_from([0, *THRESHOLDS]))
def test_the_highest_unreported_threshold_is_due(days: int, reported: int) -> None:
    due = Silence(ADA, NOW, reported).due(NOW + timedelta(days=days))
    expected = max((threshold for threshold in THRESHOLDS if threshold <= days), default=0)
    assert due == (expected if expected > reported else None)


@forall(visits=st.lists(st.integers(0, 2000), max_size=20))
def test_sweeps_at_any_times_report_each_threshold_at_most_once(visits: list[int]) -> None:
    reported: list[int] = []
    for days in sorted(visits):
        due = Silence(ADA, NOW, max(reported, default=0)).due(NOW + timedelta(days=days))
        reported += [due] if due is not None else []
    assert reported == sorted(set(reported))


def test_days_are_whole_days() -> None:
    silence = Silence(ADA, NOW, 0)
    assert silence.due(NOW + timedelta(days=30, seconds=-1)) is None
    assert silence.due(NOW + timedelta(days=30)) == 30
    assert silence.due(NOW - timedelta(days=40)) is None


def test_the_id_names_person_threshold_and_period() -> None:
    silence = Silence(ADA, NOW, 0)
    assert silence.command_id(30) == derive(ADA, "inactive:30:" + "2026-01-05T10:00:00Z")
    later = Silence(ADA, NOW + timedelta(microseconds=1), 0)
    assert len({silence.command_id(30), silence.command_id(90), later.command_id(30)}) == 3


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("erased", [False, True])
def test_the_sweep_looks_at_active_and_suspended_persons_only(status: Status, erased: bool) -> None:
    person = _person(status=status, erasure="Erased" if erased else None, inactivity_reported=30)
    found = silence_of(orjson.loads(dump_state(person)))
    if erased or status not in (Status.ACTIVE, Status.SUSPENDED):
        assert found is None
    else:
        assert found == Silence(ADA, NOW, 30)


@pytest.mark.parametrize("status", list(Status))
def test_a_row_is_shown_until_the_person_ends(status: Status) -> None:
    row = activity_row(_person(status=status, last_activity_at=NOW + timedelta(days=1)))
    if status in (Status.DRAFT, Status.ACTIVE, Status.SUSPENDED):
        assert row is not None
        assert (row["status"], row["reported"]) == (status.value, 0)
        assert row["last_activity_at"] == "2026-01-06T10:00:00Z"
    else:
        assert row is None
    assert activity_row(_person(erasure="Erased")) is None
    assert activity_row(Person.new(ADA)) is None
