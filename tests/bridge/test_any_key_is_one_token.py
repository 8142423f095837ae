"""Any key becomes one legal subject token from which it can be read again; filters are compared as the server matches them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.subjects import MAX_TOKEN, covers, decode_token, encode_token, is_subject, overlap

filters = st.lists(st.sampled_from(["a", "b", "*"]), min_size=1, max_size=4).flatmap(
    lambda tokens: st.sampled_from([".".join(tokens), ".".join([*tokens, ">"])])
)
subjects = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=6).map(".".join)


@given(st.one_of(st.none(), st.binary(max_size=MAX_TOKEN // 3)))
def test_a_key_is_read_again_from_its_token(key: bytes | None) -> None:
    token = encode_token(key)

    assert decode_token(token) == key
    assert is_subject(token)
    assert "." not in token
    assert not token.startswith("$")


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_different_keys_have_different_tokens(one: bytes, other: bytes) -> None:
    assert (encode_token(one) == encode_token(other)) == (one == other)


@pytest.mark.parametrize(
    ("key", "token"),
    [
        (b"ada", "ada"),
        (b"person-1_2:3/4", "person-1_2:3/4"),
        (b"a.b", "a%2Eb"),
        (b"*", "%2A"),
        (b">", "%3E"),
        (b"a b", "a%20b"),
        (b"100%", "100%25"),
        (b"$JS", "%24JS"),
        ("é".encode(), "%C3%A9"),
        (b"\r\n\x00", "%0D%0A%00"),
        (b"", "%"),
        (None, "%-"),
    ],
)
def test_the_tokens_are_as_documented(key: bytes | None, token: str) -> None:
    assert encode_token(key) == token


def test_a_key_that_is_too_long_is_a_digest() -> None:
    token = encode_token(b"k" * (MAX_TOKEN + 1))

    assert token.startswith("%~")
    assert len(token) == 66
    with pytest.raises(ValueError, match="digest"):
        decode_token(token)


@pytest.mark.parametrize("token", ["%4", "%zz", "a%", "%c3"])
def test_a_text_that_is_no_encoding_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match="hexadecimal"):
        decode_token(token)


@given(filters, subjects)
def test_a_filter_matches_as_the_server_does(one: str, subject: str) -> None:
    assert covers(one, subject) == _matches(one.split("."), subject.split("."))


@given(filters, filters, subjects)
def test_covering_and_overlapping_filters_agree_with_matching(one: str, other: str, subject: str) -> None:
    if covers(other, subject):
        assert not covers(one, other) or covers(one, subject)
        assert not covers(one, subject) or overlap(one, other)
    assert overlap(one, other) == overlap(other, one)


def _matches(pattern: list[str], subject: list[str]) -> bool:
    if pattern == [">"]:
        return bool(subject)
    if not pattern or not subject:
        return pattern == subject
    return pattern[0] in ("*", subject[0]) and _matches(pattern[1:], subject[1:])
