"""A cursor goes on where its page ended, for the same question and for an hour."""

from __future__ import annotations

import pytest

from queries import cursor
from queries.endpoints.view import GetView
from queries.frame import QueryError

NOW = 1_700_000_000.0
ASKED = GetView(view="contact", limit=10)


def refused(request: GetView, text: str, *, now: float = NOW) -> str:
    with pytest.raises(QueryError) as error:
        cursor.resume("get_view", request, text, now=now)
    return error.value.code


def test_a_cursor_gives_back_its_key_for_the_same_request_whatever_the_size_of_the_page() -> None:
    text = cursor.issue("get_view", ASKED, ["key", 1.5], now=NOW)

    assert cursor.resume("get_view", ASKED, text, now=NOW) == ["key", 1.5]
    larger = ASKED.model_copy(update={"limit": 100, "cursor": text, "timeout_ms": 9000})
    assert cursor.resume("get_view", larger, text, now=NOW + cursor.VALID_S) == ["key", 1.5]


def test_a_cursor_of_another_request_or_an_old_one_is_expired() -> None:
    text = cursor.issue("get_view", ASKED, "key", now=NOW)

    assert refused(ASKED.model_copy(update={"view": "employee"}), text) == "cursor_expired"
    assert refused(ASKED, cursor.issue("search", ASKED, "key", now=NOW)) == "cursor_expired"
    assert refused(ASKED, text, now=NOW + cursor.VALID_S + 1) == "cursor_expired"


@pytest.mark.parametrize("damage", ["", "x", "ü", "AAAA", "not a cursor at all"])
def test_text_that_is_no_cursor_is_named_as_the_wrong_field(damage: str) -> None:
    assert refused(ASKED, damage) == "invalid_query"


def test_a_damaged_cursor_is_found() -> None:
    text = cursor.issue("get_view", ASKED, "key", now=NOW)
    other = "A" if text[-3] != "A" else "B"

    assert refused(ASKED, text[:-3] + other + text[-2:]) == "invalid_query"
