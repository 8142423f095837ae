"""How texts become tokens, and how documents are scored: domain.md 16.3."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.views.search_tokens import FIELDS, Terms, is_one_edit_away, one_edit_pattern, score, tokens

LETTERS = st.text("abcdé山", max_size=6)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ada Lovelace", ("ada", "lovelace")),
        ("ada.lovelace@example.org", ("ada", "lovelace", "example", "org")),
        ("O'Brien-Smith", ("o", "brien", "smith")),
        ("Müller STRASSE Straße", ("muller", "strasse", "strasse")),
        ("ﬁne ① Ⅷ", ("fine", "1", "viii")),
        ("山田太郎", ("山田太郎", "山", "田", "太", "郎")),
        ("山", ("山",)),
        ("김철수 님", ("김철수", "김", "철", "수", "님")),
        ("C++ & C#", ("c", "c")),
        ("--- …", ()),
    ],
)
def test_a_text_gives_these_tokens(text: str, expected: tuple[str, ...]) -> None:
    assert tokens(text) == expected


@given(st.text(max_size=30))
def test_a_token_of_a_text_is_a_token_by_itself(text: str) -> None:
    for token in tokens(text):
        assert tokens(token)[:1] == (token,)


def document(**texts: Any) -> dict[str, Any]:
    return {field.member: texts.get(field.member, []) for field in FIELDS.values()}


@pytest.mark.parametrize(
    ("texts", "exact", "points"),
    [
        ({"names": ["Ada Lovelace"]}, ("ada",), 10),
        ({"names": ["Ada Lovelace"]}, ("lo",), 5),
        ({"names": ["Ada Lovelace"]}, ("l",), None),
        ({"names": ["Ada Lovelace"], "emails": ["ada@x.org"]}, ("ada",), 15),
        ({"names": ["Ada", "Ada Adam"]}, ("ada",), 10),
        ({"names": ["Ada Adam"]}, ("ad",), 5),
        ({"names": ["Ada"], "roles": ["Adam"]}, ("ada",), 11.5),
        ({"names": ["Ada"], "tags": ["vip"]}, ("ada", "vip"), 11),
        ({"names": ["Ada"], "tags": ["vip"]}, ("ada", "nobody"), None),
        ({"employers": ["Acme"], "skills": ["Rust"]}, ("acme", "ru"), 4),
    ],
)
def test_a_document_scores_every_token_in_every_field(
    texts: dict[str, list[str]], exact: tuple[str, ...], points: float | None
) -> None:
    assert score(document(**texts), Terms(exact)) == points


def test_a_typing_error_counts_a_quarter() -> None:
    ada = document(names=["Ada Lovelace"], emails=["lovelace@x.org"])

    assert score(ada, Terms((), ("lovelcae",))) == 2.5 + 1.25
    assert score(ada, Terms(("ada",), ("lovelac",))) == 10 + 2.5 + 1.25
    assert score(ada, Terms((), ("lvelcae",))) is None


def edits(token: str, alphabet: str = "abcdé山x") -> set[str]:
    """Every text that one edit makes of another, and the text itself."""
    cut = [(token[:i], token[i:]) for i in range(len(token) + 1)]
    return {
        token,
        *(left + right[1:] for left, right in cut if right),
        *(left + right[1] + right[0] + right[2:] for left, right in cut if len(right) > 1),
        *(left + letter + right[1:] for left, right in cut if right for letter in alphabet),
        *(left + letter + right for left, right in cut for letter in alphabet),
    }


@given(LETTERS, LETTERS, st.data())
def test_one_edit_away_is_what_one_edit_makes(one: str, other: str, data: st.DataObject) -> None:
    near = data.draw(st.sampled_from(sorted(edits(one))))

    assert is_one_edit_away(one, near)
    assert is_one_edit_away(one, other) == (other in edits(one))
    if one:
        assert one_edit_pattern(one).findall(f"{other}\n{near}") == [
            word for word in (other, near) if word in edits(one)
        ]
