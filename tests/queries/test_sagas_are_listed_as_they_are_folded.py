"""The index of sagas against its rule, which needs no store: the rows that pass the filters, stalest first."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest

from agents.saga_counts import SagaCounts
from domain.ids import NS, derive
from domain.sagas.state import Saga, SagaStatus, dump_saga
from domain.views.saga import saga_row
from queries.index.database import IndexDatabase
from queries.index.documents import microseconds
from queries.index.sagas import CENSUS, OF_CORRELATION, listed
from queries.processes import SAGA_SOURCES
from queries.saga_census import Counted
from queries.saga_metrics import of_sagas

START = datetime(2026, 1, 5, 10, tzinfo=UTC)
FIRST = (-1, "")
FILTERS: tuple[tuple[dict[str, Any], list[str]], ...] = (
    ({}, []),
    ({}, ["Failed"]),
    ({"parked": 1}, []),
    ({"saga": "merge"}, ["Running", "Compensating"]),
    ({"step": "absorb"}, []),
    ({"step": "absorb", "saga": "erasure"}, ["Completed"]),
    ({"updated_before": microseconds(START + timedelta(minutes=30))}, []),
    ({"person_id": derive(NS, "person 3")}, []),
    ({"saga": "archival"}, ["Compensated"]),
)


def sagas(count: int) -> list[Saga]:
    rng = random.Random(7)
    return [
        Saga(
            saga_id=derive(NS, f"saga {number}"),
            saga=rng.choice(("onboarding", "merge", "erasure")),
            person_id=derive(NS, f"person {rng.randrange(9)}"),
            version=1,
            status=rng.choice(get_args(SagaStatus)),
            step=rng.choice((None, "absorb", "confirm")),
            abandoned=rng.random() < 0.3,
            correlationid=derive(NS, f"root {rng.randrange(5)}"),
            started_at=START,
            # Many share an instant, so that ids decide.
            updated_at=START + timedelta(minutes=rng.randrange(40)),
        )
        for number in range(count)
    ]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[IndexDatabase]:
    made = IndexDatabase(tmp_path / "0.db", SAGA_SOURCES)
    yield made
    made.close()


def stored(saga: Saga) -> bytes:
    return orjson.dumps({"saga": orjson.Fragment(dump_saga(saga)), "stream_sequence": 1, "recent": []})


def place(saga: Saga) -> tuple[int, str]:
    assert saga.updated_at is not None
    return microseconds(saga.updated_at), saga.saga_id


def passes(saga: Saga, filters: dict[str, Any], statuses: list[str]) -> bool:
    row = saga_row(saga)
    before = filters.get("updated_before")
    return (
        (not statuses or saga.status in statuses)
        and (before is None or place(saga)[0] < before)
        and all(row[name] == value for name, value in filters.items() if name != "updated_before")
    )


@pytest.mark.parametrize(("filters", "statuses"), FILTERS)
def test_the_index_gives_page_by_page_what_the_rule_says(
    database: IndexDatabase, filters: dict[str, Any], statuses: list[str]
) -> None:
    everybody = sagas(150)
    first, rest = everybody[:100], everybody[100:]
    index_of_person = (f"p:{first[0].person_id}:{first[0].saga_id}".encode(), b"1")
    rows = sorted([*((one.saga_id.encode(), stored(one)) for one in first), index_of_person])
    assert database.build({"sagas": rows}, lambda: True)
    # One that changes keeps one row; one that comes later has one too.
    database.apply("sagas", {one.saga_id: stored(one) for one in (*rest, *first[:20])})

    found: list[Any] = []
    after: Any = FIRST
    while page := database.ask(*listed(filters, statuses, after, 7)):
        found += page
        after = page[-1][:2]

    expected = sorted((one for one in everybody if passes(one, filters, statuses)), key=place)
    assert [row for *_, row in found] == [saga_row(one) for one in expected]


def test_the_census_counts_every_saga_once_and_knows_the_oldest(database: IndexDatabase) -> None:
    everybody = sagas(120)
    database.build({"sagas": sorted((one.saga_id.encode(), stored(one)) for one in everybody)}, lambda: True)

    census = database.ask(CENSUS)

    assert sum(many for *_, many, _, _ in census) == len(everybody)
    for saga, status, parked, step, many, _, stalest in census:
        is_open = parked or status in ("Running", "Compensating")
        same = [
            one
            for one in everybody
            if (one.saga, one.status, one.is_parked) == (saga, status, bool(parked))
            and (one.step == step if is_open else step is None)
        ]
        assert (many, stalest) == (len(same), min(place(one)[0] for one in same))
    started = {one.saga_id for one in everybody if one.correlationid == derive(NS, "root 1")}
    assert set(database.ask(OF_CORRELATION, {"correlation": derive(NS, "root 1"), "limit": 99})) == started


def test_the_metrics_tell_parked_sagas_from_those_that_were_given_up() -> None:
    counted = [
        Counted("merge", "Failed", True, "absorb", 2, 100.0, 200.0),
        Counted("merge", "Failed", False, None, 1, 50.0, 60.0),
        Counted("merge", "Running", False, "absorb", 4, 300.0, 400.0),
        Counted("merge", "Running", False, "absorb", 1, 250.0, 450.0),
    ]

    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in of_sagas(lambda: counted, SagaCounts())()
        for sample in family.samples
    }

    def count(status: str, step: str) -> float:
        return samples["person_sagas", ("saga", "merge"), ("status", status), ("step", step)]

    assert (count("Parked", "absorb"), count("Failed", ""), count("Running", "absorb")) == (2, 1, 5)
    oldest = {key[2][1]: value for key, value in samples.items() if key[0] == "person_saga_oldest_seconds"}
    assert oldest.keys() == {"Parked", "Running"}
    assert oldest["Parked"] - oldest["Running"] == pytest.approx(150.0)
