"""Which partitions go into one message, and what protects the service from questions that are too broad."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from typing import Any

import pytest

from queries.asking import KnownOwners
from queries.endpoints.search import MAX_CANDIDATES, Search, _refuse_too_many
from queries.frame import QueryError, parse
from queries.index.database import UnfitSqliteError, require_fts5


def test_partitions_of_another_worker_are_one_group_and_all_others_are_alone() -> None:
    owners = KnownOwners()
    owners.learn("x", [1, 2, 5])
    owners.learn("y", [3, 4])
    owners.learn("y", [5])

    assert owners.grouped(range(8), {0, 4}) == [[0], [1, 2], [3, 5], [4], [6], [7]]
    owners.forget([2])
    assert owners.grouped([1, 2], ()) == [[1], [2]]


def test_a_search_without_text_and_filter_is_refused_above_a_hundred_thousand_persons() -> None:
    half = {"candidates": MAX_CANDIDATES // 2}

    _refuse_too_many(Search(), [half, half])
    with pytest.raises(QueryError) as refused:
        _refuse_too_many(Search(), [half, half, {"candidates": 1}])
    assert refused.value.code == "overloaded"
    _refuse_too_many(parse(Search, b'{"text": "ada"}'), [{"candidates": None}])
    _refuse_too_many(parse(Search, b'{"filters": {"tag": "vip"}}'), [{"candidates": None}])


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (b'{"text": "--"}', "text"),
        (b'{"text": "a b c d e f g h i j k l m"}', "text"),
        (b'{"filters": {"email": "nobody"}}', "filters.email"),
        (b'{"filters": {"phone": "030 1"}}', "filters.phone"),
        (b'{"filters": {"status": []}}', "filters.status"),
        (b'{"filters": {"min_proficiency": "God"}}', "filters.min_proficiency"),
        (b'{"filters": {"created_from": "2026-01-01T00:00:00"}}', "filters.created_from"),
        (b'{"filters": {"colour": "red"}}', "filters.colour"),
        (b'{"limit": 501}', "limit"),
    ],
)
def test_a_wrong_search_is_answered_with_the_field(request_: bytes, field: str) -> None:
    with pytest.raises(QueryError) as refused:
        parse(Search, request_)

    assert (refused.value.code, refused.value.facts["field"]) == ("invalid_query", field)


def test_a_python_without_full_text_search_is_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    class WithoutFts5(sqlite3.Connection):
        def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
            return super().execute(sql.replace("fts5", "fts_of_nobody"), *arguments)

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path: connect(path, factory=WithoutFts5))

    with pytest.raises(UnfitSqliteError, match="FTS5 and JSON"):
        require_fts5()


def test_a_worker_without_full_text_search_ends_with_one_line() -> None:
    start = (
        "import sqlite3\n"
        "connect = sqlite3.connect\n"
        "class WithoutFts5(sqlite3.Connection):\n"
        "    def execute(self, sql, *arguments):\n"
        "        return super().execute(sql.replace('fts5', 'fts_of_nobody'), *arguments)\n"
        "sqlite3.connect = lambda path: connect(path, factory=WithoutFts5)\n"
        "import app\n"
    )
    ended = subprocess.run([sys.executable, "-c", start], capture_output=True, text=True, timeout=60, check=False)

    [line] = ended.stderr.splitlines()
    assert ended.returncode == 1
    assert line.startswith("person worker: SQLite ")
