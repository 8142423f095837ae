"""Times of the server's API are read to the nanosecond, as consumers tell them."""

from __future__ import annotations

import pytest

from bridge.stored_time import nanoseconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:01Z", 1_000_000_000),
        ("1970-01-01T00:00:01.000000001Z", 1_000_000_001),
        ("1970-01-01T00:00:01.5Z", 1_500_000_000),
        ("2026-11-24T00:12:03.767870123Z", 1_795_479_123_767_870_123),
        ("1970-01-01T01:00:01.25+01:00", 1_250_000_000),
    ],
)
def test_no_digit_of_a_fraction_is_lost(text: str, expected: int) -> None:
    assert nanoseconds(text) == expected
