"""What the next release changes, for every module that is imported behind this one: rows of the summary get one more column."""

from __future__ import annotations

from domain.person import Person
from domain.views import summary
from domain.views.portrait import Portrait, Row

COLUMN = "name_length"

_render = summary.MODEL.render


def _with_column(person: Person | Portrait) -> Row | None:
    row = _render(person)
    if row is not None:
        row[COLUMN] = len(str(row.get("display_name") or ""))
    return row


summary.MODEL = summary.MODEL._replace(render=_with_column)  # type: ignore[misc]
