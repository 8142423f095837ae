"""What an index holds of some ids, as plain rows that can be compared with those of another index: numbers within an index are left out."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import orjson

Contents = dict[str, dict[str, list[Any]]]
"""Rows by id and SQL table, each a list of its columns."""

BY_NUMBER = {"documents": "doc", "shown": "doc", "skilled": "doc", "held": "doc"}
"""Tables whose rows are those of a number, by the column that holds it."""
BY_ROWID = ("facts", "words", "skill_facts")
"""Full-text tables: the number is the rowid, which is no column."""
BY_ID = {"nodes": "person_id", "edges": "owner", "listed": "person_id", "links": "person_id", "sagas": "saga_id"}
"""Tables whose rows are those of an id."""


def contents_of(connection: sqlite3.Connection, ids: Sequence[str]) -> Contents:
    """The rows of each id in every table that the index has, in an order of their own."""
    found: Contents = {one: {} for one in ids}
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    asked = orjson.dumps(list(ids)).decode()
    numbers = dict(
        connection.execute(
            "SELECT doc, person_id FROM persons WHERE person_id IN (SELECT value FROM json_each(?))", (asked,)
        )
    )
    numbered = orjson.dumps(list(numbers)).decode()
    for table, column in BY_NUMBER.items():
        if table in there:
            rows = connection.execute(
                f"SELECT {column}, * FROM {table} WHERE {column} IN (SELECT value FROM json_each(?))", (numbered,)
            )
            for number, _, *rest in rows:
                found[numbers[number]].setdefault(table, []).append(rest)
    for table in BY_ROWID:
        if table in there:
            rows = connection.execute(
                f"SELECT rowid, * FROM {table} WHERE rowid IN (SELECT value FROM json_each(?))", (numbered,)
            )
            for number, *rest in rows:
                found[numbers[number]].setdefault(table, []).append(rest)
    for table, column in BY_ID.items():
        if table in there:
            rows = connection.execute(
                f"SELECT {column}, * FROM {table} WHERE {column} IN (SELECT value FROM json_each(?))", (asked,)
            )
            for one, *rest in rows:
                found[one].setdefault(table, []).append(rest)
    for tables in found.values():
        for held in tables.values():
            held.sort(key=orjson.dumps)
    return found
