"""What operators took out of the way is compared where it can be, and told by its reason where it cannot."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
import pytest

from ops.verify.partition import Counted
from ops.verify.persons import History, Quarantined
from ops.verify.reading import Stored
from ops.verify.retelling import retold
from tables.quarantine import Discarded, Parked, QuarantineRow

ADA = "0190c8a2-7b1e-7c3d-9a4f-000000000071"
SUBJECT = f"person.events.lifecycle.created.3.{ADA}"
COPY = "the copy"

Marks = Mapping[str, dict[int, str | None]]


@pytest.mark.parametrize(
    ("taken_out", "reason"),
    [
        ({}, None),
        ({"fold_persons": {7: COPY}, "project_timeline": {7: COPY}}, None),
        ({"fold_persons": {7: COPY}}, "persons with edited events that only some agents have taken"),
        ({"project_timeline": {7: COPY}}, "persons with edited events that only some agents have taken"),
        ({"project_statistics": {7: COPY}}, "persons with edited events that only some agents have taken"),
        ({"fold_persons": {7: None}, "project_timeline": {7: None}}, "persons with discarded events"),
        ({"project_summary": {7: None}}, "persons with discarded events"),
    ],
    ids=["nothing", "edited by all", "not timeline", "timeline only", "counts only", "discarded", "discarded by one"],
)
def test_rows_are_compared_with_a_copy_that_all_agents_have_taken(taken_out: Marks, reason: str | None) -> None:
    assert Quarantined(taken_out=dict(taken_out)).incomparable == reason


def test_a_copy_is_folded_in_the_place_of_its_event_and_chained_as_the_event() -> None:
    event = {
        "specversion": "1.0",
        "type": "person.teleported",
        "source": "/tests",
        "id": "0190c8a2-7b1e-7c3d-9a4f-000000000001",
        "subject": ADA,
        "sequence": 1,
        "time": "2026-01-01T00:00:00Z",
        "dataversion": 1,
        "actor": "user:ada",
        "commandid": "0190c8a2-7b1e-7c3d-9a4f-000000000002",
        "correlationid": "0190c8a2-7b1e-7c3d-9a4f-000000000003",
        "causationid": "0190c8a2-7b1e-7c3d-9a4f-000000000002",
        "data": {"name": {"given_names": ["Ada"]}, "source": "tests"},
    }
    stored = [Stored(7, SUBJECT, orjson.dumps(event))]
    copy = orjson.dumps({**event, "type": "person.created"}).decode()

    told, original = retold(ADA, 3, stored, copies={7: copy}), retold(ADA, 3, stored)

    row = told.rows()["persons"]
    assert original.broken
    assert not told.broken, told.faults
    assert row is not None
    assert (row["sequence"], row["position"]["stream_sequence"], told.faults) == (1, 7, [])
    plain = retold(ADA, 3, [Stored(7, SUBJECT, copy.encode())]).rows()["persons"]
    assert plain is not None
    assert row["chain"] != plain["chain"]
    assert row["person"] == plain["person"]


def test_waiting_events_are_not_counted_and_days_of_marked_ones_are_unsure() -> None:
    waits = Parked(first=7, last=9, events=3, cause="unknown_type", reason="x", since_ms=0, attempts=1)
    marked = QuarantineRow(discarded=(Discarded(5, 2, "user:ada", 0, '{"time": "2026-01-03T00:00:00Z"}'),))
    rows = {f"fold_persons:{ADA}": marked, f"project_statistics:{ADA}": QuarantineRow(waits)}
    counted = Counted({}, 20, rows)
    history = History(ADA, 3)
    history.stored = [Stored(4, SUBJECT, b'{"time": "2026-01-01T00:00:00Z"}'), Stored(5, SUBJECT, b"no event")]

    assert (counted.of(ADA), counted.of("nobody"), counted.waiting) == (6, 20, 1)
    assert {*counted.unsure_days(history)} == {"2026-01-01", "2026-01-03"}
