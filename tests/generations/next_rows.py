"""The summary row of a later release: it names its version. Whoever calls `in_force` renders it like that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from domain.person import Person
from domain.views import summary
from domain.views.portrait import Portrait, Row
from ops import model_rows

FIELD = "row_version"
MODEL = summary.MODEL


def render(person: Person | Portrait) -> Row | None:
    """The row with one field more."""
    row = MODEL.render(person)
    return None if row is None else {**row, FIELD: 2}


def put_in_force() -> None:
    """Let this process render the later row, for good."""
    vars(summary)["MODEL"] = MODEL._replace(render=render)


@contextmanager
def expected() -> Iterator[None]:
    """Let an independent fold of this process expect the later row."""
    with mock.patch.dict(model_rows._RENDER, {summary.MODEL.name: render}):
        yield
