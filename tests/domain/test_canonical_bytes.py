"""Canonical bytes: one value, one byte string."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from domain.canonical import MAX_DEPTH, NotCanonical, encode, encode_stored, plain, plain_members


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"b": 1, "a": 2}, b'{"a":2,"b":1}'),
        ({"é": 1, "z": 2, "Z": 3}, '{"Z":3,"z":2,"é":1}'.encode()),
        ({"a": None, "b": [None]}, b'{"b":[null]}'),
        ({"changes": {"a": None, "b": {"c": None}}}, b'{"changes":{"a":null,"b":{"c":null}}}'),
        ({"n": 3.0, "m": -0.0, "x": 0.5}, b'{"m":0,"n":3,"x":0.5}'),
        ("  Ada  ", b'"Ada"'),
        ("e\u0301", '"é"'.encode()),
        ("/\u2028</", '"/\u2028</"'.encode()),
        (datetime(2026, 1, 5, 10, tzinfo=UTC), b'"2026-01-05T10:00:00Z"'),
        (datetime(2026, 1, 5, 10, 0, 0, 1200, tzinfo=UTC), b'"2026-01-05T10:00:00.001200Z"'),
        (date(1815, 12, 10), b'"1815-12-10"'),
        (True, b"true"),
    ],
)
def test_a_value_has_one_byte_string(value: Any, written: Any) -> None:
    assert encode(value) == written


@pytest.mark.parametrize(
    ("value", "rule", "path"),
    [
        ({"a": [float("nan")]}, "finite_number", ("a", 0)),
        ({"a": float("inf")}, "finite_number", ("a",)),
        (1e30, "number_range", ()),
        (2**64, "number_range", ()),
        ({"a": "x\ty"}, "control_character", ("a",)),
        ({"a\x7f": 1}, "control_character", ("a\x7f",)),
        ({"a": 1, "a ": 2}, "duplicate_key", ("a ",)),
        ("\ud800", "unicode", ()),
    ],
)
def test_what_has_no_canonical_form_is_refused_with_its_place(value: Any, rule: Any, path: Any) -> None:
    with pytest.raises(NotCanonical) as refused:
        encode(value)
    assert (refused.value.rule, refused.value.path) == (rule, path)


def test_nesting_has_a_limit() -> None:
    deep: object = 0
    for _ in range(MAX_DEPTH + 1):
        deep = [deep]
    with pytest.raises(NotCanonical, match="depth"):
        encode(deep)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"a": "x\ty\x85"}, {"a": "x y"}),
        ({"a\x7f": [1e30, 2**64, 1e-7]}, {"a": ["1e+30", "18446744073709551616", 1e-7]}),
        ({"a": 1, "a ": 2, "b": None}, {"a": 1}),
        ({"changes": {"a": None, "b": "x\ny"}}, {"changes": {"a": None, "b": "x y"}}),
        ({"\ud800": True}, {"": True}),
    ],
)
def test_what_was_stored_without_a_canonical_form_is_read_and_written_near_to_it(value: Any, written: Any) -> None:
    assert plain(value) == plain_members(value) == written
    assert encode_stored(value) == encode(written)


def test_what_was_stored_too_deep_is_read_as_text() -> None:
    deep: object = "\n"
    for _ in range(MAX_DEPTH + 1):
        deep = [{"a": deep}]
    assert encode(plain(deep)).startswith(b'[{"a":[{"a":')


def test_only_json_has_bytes() -> None:
    with pytest.raises(TypeError, match="set"):
        encode({1, 2})
