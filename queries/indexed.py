"""Questions to the index of a partition: its position, and its answers or the error that says why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from queries.frame import QueryError
from queries.index.feed import IndexFeed
from queries.processes import Processes
from queries.tables_of_worker import WorkerTables


async def indexed_position(
    tables: WorkerTables, index: IndexFeed | None, partition: int, wanted: int, timeout_s: float
) -> dict[str, int]:
    """How far a partition is indexed, once that is as far as wanted; raises QueryError not_ready, or unavailable.

    A partition whose index is still being built is as good as one without an owner for who wants no position.
    """
    if index is None or partition not in tables.owned():
        raise QueryError("unavailable", "no worker owns the partition now", partition=partition)
    if not await index.reached(partition, wanted, timeout_s):
        if not wanted:
            raise QueryError("unavailable", "the index is being built", partition=partition)
        raise QueryError("not_ready", "the index has not reached the position", position=index.position(partition))
    return index.position(partition)


async def ask_index(
    tables: WorkerTables, partition: int, statement: str, parameters: Mapping[str, Any] | None = None
) -> Any:
    """The one JSON value that a statement gives on what is known of persons; raises QueryError unavailable when the partition moves."""
    return await _asked(tables.index, partition, statement, parameters)


async def ask_saga_index(
    tables: WorkerTables, partition: int, statement: str, parameters: Mapping[str, Any] | None = None
) -> Any:
    """The one JSON value that a statement gives on what is known of sagas; raises like `ask_index`."""
    return await _asked(processes_of(tables).index, partition, statement, parameters)


def processes_of(tables: WorkerTables) -> Processes:
    """What is read of sagas and policies; raises QueryError unavailable on a worker without them."""
    if tables.processes is None:
        raise QueryError("unavailable", "the worker serves no sagas and policies")
    return tables.processes


async def _asked(index: IndexFeed | None, partition: int, statement: str, parameters: Mapping[str, Any] | None) -> Any:
    try:
        if index is None:
            raise LookupError
        return await index.ask(partition, statement, parameters)
    except LookupError:
        raise QueryError("unavailable", "the partition moved", partition=partition) from None
