"""The SQLite database of one partition: built from whole tables, changed by batches of rows, asked by statements that give one JSON value.

Guarantee: a batch is visible as a whole or not at all. A database that fails is not repaired: it is built anew from the tables."""

from __future__ import annotations

import heapq
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import orjson

from lanes.failure import stack_of
from queries.index.contents import Contents, contents_of
from queries.index.documents import DOCUMENTS
from queries.index.edges import EDGES
from queries.index.held_skills import HELD_SKILLS
from queries.index.links import LINKS
from queries.index.listed_views import LISTED_VIEWS
from queries.index.source import Source

logger = logging.getLogger(__name__)

SOURCES: Mapping[str, Source] = {source.name: source for source in (DOCUMENTS, HELD_SKILLS, EDGES, LISTED_VIEWS, LINKS)}
ID_LENGTH = 36
LOADED_AT_ONCE = 500
"""Persons; a batch is one JSON text."""
CACHE_KIB = 4096
"""Of one partition; a broad search looks at a few MiB of it, the rest is in the page cache of the system."""

Rows = Iterable[tuple[bytes, bytes]]


class UnfitSqliteError(Exception):
    """The SQLite of this Python cannot hold the index."""


def is_id(key: bytes) -> bool:
    """Whether a row is one that is indexed; under other keys are what a table keeps for itself."""
    return len(key) == ID_LENGTH


def require_fts5() -> None:
    """Raise UnfitSqliteError unless SQLite has full-text search (FTS5) and JSON."""
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute("CREATE VIRTUAL TABLE words USING fts5(terms, detail='none', columnsize=0)")
        connection.execute("SELECT json_group_array(value) FROM json_each('[1]')")
    except sqlite3.OperationalError as error:
        raise UnfitSqliteError(
            f"SQLite {sqlite3.sqlite_version} of this Python lacks what search needs, FTS5 and JSON: {error}"
        ) from None
    finally:
        connection.close()


class IndexDatabase:
    """One partition of some tables whose keys are ids. Every method may be called from any thread; calls wait for each other."""

    def __init__(self, path: Path, sources: Mapping[str, Source] = SOURCES) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        self._path = path
        self._sources = sources
        self._lock = threading.Lock()
        self._last_number = 0
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=512)
        # Nothing has to survive the process, and nobody else opens the file.
        for pragma in ("journal_mode=MEMORY", "synchronous=OFF", "locking_mode=EXCLUSIVE", f"cache_size=-{CACHE_KIB}"):
            self._connection.execute(f"PRAGMA {pragma}")

    def build(self, tables: Mapping[str, Rows], is_wanted: Callable[[], bool]) -> bool:
        """Load all rows, ordered by key, into the empty database; False when `is_wanted` said no on the way."""
        with self._lock:
            execute = self._connection.execute
            execute("BEGIN")
            execute("CREATE TABLE persons (person_id TEXT PRIMARY KEY, doc INTEGER NOT NULL) WITHOUT ROWID")
            for source in self._sources.values():
                for statement in source.schema:
                    execute(statement)
            for batch in _batches(tables):
                if not is_wanted():
                    execute("ROLLBACK")
                    return False
                numbers = self._numbered([person_id for person_id, _ in batch], {})
                for name in tables:
                    self._put(self._sources[name], numbers, {key: rows[name] for key, rows in batch if name in rows})
            for source in self._sources.values():
                for statement in source.lookups:
                    execute(statement)
            execute("COMMIT")
            return True

    def apply(self, name: str, rows: Mapping[str, bytes | None]) -> None:
        """Replace rows of one table by person id; None removes a row."""
        with self._lock:
            self._connection.execute("BEGIN")
            try:
                known = self._ask(
                    "SELECT json_group_object(person_id, doc) FROM persons"
                    " WHERE person_id IN (SELECT value FROM json_each(?1))",
                    (orjson.dumps(list(rows)).decode(),),
                )
                numbers = self._numbered([person_id for person_id in rows if person_id not in known], known)
                source = self._sources[name]
                replaced = orjson.dumps([(known[person_id], person_id) for person_id in rows if person_id in known])
                for statement in source.remove:
                    self._connection.execute(statement, (replaced.decode(),))
                self._put(source, numbers, {key: value for key, value in rows.items() if value is not None})
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def ask(self, statement: str, parameters: Mapping[str, Any] | Sequence[Any] = ()) -> Any:
        """The one JSON value that a statement gives."""
        with self._lock:
            return self._ask(statement, parameters)

    def contents(self, ids: Sequence[str]) -> Contents:
        """What is held of some ids, for a comparison."""
        with self._lock:
            return contents_of(self._connection, ids)

    def close(self) -> None:
        """Throw the database away."""
        with self._lock:
            self._connection.close()
            self._path.unlink(missing_ok=True)

    def _ask(self, statement: str, parameters: Mapping[str, Any] | Sequence[Any]) -> Any:
        [value] = self._connection.execute(statement, parameters).fetchone()
        return None if value is None else orjson.loads(value)

    def _numbered(self, strangers: Sequence[str], known: Mapping[str, int]) -> Mapping[str, int]:
        """The numbers of persons, with a new one for each that had none."""
        first, self._last_number = self._last_number + 1, self._last_number + len(strangers)
        new = {person_id: first + index for index, person_id in enumerate(strangers)}
        self._connection.execute(
            "INSERT INTO persons SELECT key, value FROM json_each(?1)", (orjson.dumps(new).decode(),)
        )
        return {**known, **new}

    def _put(self, source: Source, numbers: Mapping[str, int], rows: Mapping[str, bytes]) -> None:
        # In the order of their numbers: FTS5 begins anew at each step back.
        batch = sorted(
            (numbers[person_id], person_id, *flat)
            for person_id, value in rows.items()
            if (flat := _flat(source, value)) is not None
        )
        if batch:
            rows_of_batch = orjson.dumps(batch).decode()
            for statement in source.put:
                self._connection.execute(statement, (rows_of_batch,))


def _flat(source: Source, value: bytes) -> Sequence[Any] | None:
    try:
        return source.flat(orjson.loads(value))
    except (LookupError, TypeError, ValueError) as error:
        # A row of another shape is a defect; it must not hide the others.
        logger.error("a row of table %s cannot be indexed and is left out: %s", source.name, stack_of(error))
        return None


def _batches(tables: Mapping[str, Rows]) -> Iterator[list[tuple[str, dict[str, bytes]]]]:
    """The rows of all tables by person, some persons at once."""
    rows = heapq.merge(*(_named(name, rows) for name, rows in tables.items()))
    persons = (
        (person_id.decode(), {name: value for _, name, value in of_person})
        for person_id, of_person in groupby(rows, key=lambda row: row[0])
    )
    while batch := list(islice(persons, LOADED_AT_ONCE)):
        yield batch


def _named(name: str, rows: Rows) -> Iterator[tuple[bytes, str, bytes]]:
    return ((key, name, value) for key, value in rows if is_id(key))
