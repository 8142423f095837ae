"""Rows of sagas as the index of a partition tells them, by filters and behind a place in their order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import AwareDatetime, Field

from domain.sagas.state import SagaStatus
from queries.endpoint import Read
from queries.frame import Query
from queries.index.documents import microseconds
from queries.index.sagas import listed
from queries.indexed import ask_saga_index
from queries.person_id import PersonId
from queries.tables_of_worker import WorkerTables

SagaName = Literal["onboarding", "merge", "archival", "cross_domain_sync", "erasure"]

FIRST: Final = (-1, "")
"""The place before the first row."""


class SagaFilters(Query):
    """All filters that are given must hold."""

    status: tuple[SagaStatus, ...] = Field((), max_length=5)
    saga: SagaName | None = None
    step: str | None = Field(None, max_length=64)
    person_id: PersonId | None = None
    parked: bool | None = None
    updated_before: AwareDatetime | None = None

    def narrowing(self) -> Mapping[str, Any]:
        """The filters as the index takes them."""
        before = self.updated_before
        return {
            "saga": self.saga,
            "step": self.step,
            "person_id": self.person_id,
            "parked": None if self.parked is None else int(self.parked),
            "updated_before": None if before is None else microseconds(before),
        }


class SagaRows(SagaFilters):
    """Some rows of one partition behind a place: when a saga changed last, in microseconds, and its id."""

    after: tuple[int, str] = FIRST
    limit: int


async def _saga_rows(tables: WorkerTables, partition: int, query: SagaRows) -> Any:
    return await ask_saga_index(tables, partition, *listed(query.narrowing(), query.status, query.after, query.limit))


SAGA_ROWS = Read("saga_rows", SagaRows, _saga_rows, indexed=True, of_sagas=True)
