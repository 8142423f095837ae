"""get_statistics: the counts of days, summed over all partitions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Literal

from pydantic import Field, model_validator

from queries.endpoint import Ask, Endpoint, Read
from queries.frame import Answer, Query
from queries.tables_of_worker import WorkerTables

COUNTS = ("events_by_type", "status_delta", "components_delta", "onboarding")


class GetStatistics(Query):
    """get_statistics: the counts of each UTC day, or what all days up to `to` come to."""

    from_: date | None = Field(None, alias="from")
    to: date | None = None
    group: Literal["day", "total"] = "day"

    @model_validator(mode="after")
    def _ordered(self) -> GetStatistics:
        if self.from_ is not None and self.to is not None and self.to < self.from_:
            raise ValueError("to must not be before from")
        if self.group == "total" and self.from_ is not None:
            raise ValueError("a total counts from the first day; leave out from")
        return self


async def get_statistics(ask: Ask, query: GetStatistics) -> Answer:
    """One row per day, or one row; with the days that lie in partitions that did not answer left out of it."""
    gathered = await ask.reachable(DAYS, query)
    rows = [row for found in gathered.found for row in found.data]
    positions = [found.position for found in gathered.found]
    if query.group == "total":
        return Answer(_summed(rows), positions, silent=gathered.silent)
    by_day: dict[str, list[Any]] = {}
    for row in rows:
        by_day.setdefault(row["day"], []).append(row)
    return Answer(
        [{"day": day, **_summed(same)} for day, same in sorted(by_day.items())], positions, silent=gathered.silent
    )


async def _days(tables: WorkerTables, partition: int, query: GetStatistics) -> Any:
    first = "" if query.from_ is None else query.from_.isoformat()
    last = "9999-12-31" if query.to is None else query.to.isoformat()
    return [
        {"day": row["day"], **{count: row[count] for count in COUNTS}}
        for row in tables.statistics.rows(partition, first, last)
    ]


def _summed(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    sums: dict[str, Counter[str]] = {count: Counter() for count in COUNTS}
    for row in rows:
        for count, total in sums.items():
            total.update(row[count])
    return {count: {name: total[name] for name in sorted(total)} for count, total in sums.items()}


DAYS = Read("statistics_days", GetStatistics, _days)
ENDPOINT = Endpoint("get_statistics", GetStatistics, get_statistics, (DAYS,))
