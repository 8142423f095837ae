"""Search over documents: how text becomes tokens, how well a document matches a query, and what counts as one typing error.

An index must give what `score` gives; it is the whole rule, without any store."""

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

from domain.values.rules import fold
from domain.values.scripts import EAST_ASIAN


class SearchField(NamedTuple):
    """A part of a document that is searched: the member that holds its texts, and the points of a token that is found in it."""

    member: str
    points: int


FIELDS: Final[Mapping[str, SearchField]] = {
    "name": SearchField("names", 10),
    "email": SearchField("emails", 5),
    "employer": SearchField("employers", 3),
    "role": SearchField("roles", 3),
    "skill": SearchField("skills", 2),
    "tag": SearchField("tags", 1),
}

EQUAL, PREFIX, LOOSE = 4, 2, 1
"""Quarters of the points of a field that a token gets there: equal, the beginning of a token, one typing error away."""

MIN_PREFIX: Final = 2
MIN_LOOSE: Final = 4
"""Characters that a query token needs to match the beginning of another, or one with a typing error."""

_WORD: Final = re.compile(r"[^\W_]+")


def search_fold(text: str) -> str:
    """Text as it is compared: compatible forms and case folded, marks stripped."""
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFD", fold(text))
    return unicodedata.normalize("NFC", "".join(c for c in parts if unicodedata.category(c)[0] != "M"))


def tokens(text: str) -> tuple[str, ...]:
    """The tokens of a text in order: runs of letters and digits; of Han, Kana and Hangul each character too."""
    found = _WORD.findall(search_fold(text))
    if text.isascii():
        return tuple(found)
    return tuple(token for part in found for token in (part, *_characters(part)))


def _characters(part: str) -> Sequence[str]:
    return EAST_ASIAN.findall(part) if len(part) > 1 else ()


def field_tokens(texts: Collection[str]) -> set[str]:
    """The tokens of all texts of one field."""
    return {token for text in texts for token in tokens(text)}


class Terms(NamedTuple):
    """What is searched: tokens that match as they are, and tokens that match with one typing error because nobody has them."""

    exact: tuple[str, ...]
    loose: tuple[str, ...] = ()


def score(document: Mapping[str, Collection[str]], terms: Terms) -> float | None:
    """Points of a document: for every token those of each field that it is found in. None when a token is found nowhere."""
    fields = [(field_tokens(document[field.member]), field.points) for field in FIELDS.values()]
    total = 0
    for matching, searched in ((_match, terms.exact), (_match_loosely, terms.loose)):
        for token in searched:
            found = sum(matching(token, held) * points for held, points in fields)
            if not found:
                return None
            total += found
    return total / EQUAL


def _match(token: str, held: Collection[str]) -> int:
    if token in held:
        return EQUAL
    is_prefix = len(token) >= MIN_PREFIX and any(other.startswith(token) for other in held)
    return PREFIX if is_prefix else 0


def _match_loosely(token: str, held: Collection[str]) -> int:
    return LOOSE if any(is_one_edit_away(token, other) for other in held) else 0


def is_one_edit_away(token: str, other: str) -> bool:
    """Whether one insertion, deletion, replacement or swap of neighbours makes one of the other, or none is needed."""
    if abs(len(token) - len(other)) > 1:
        return False
    shorter, longer = sorted((token, other), key=len)
    start = next((i for i, (a, b) in enumerate(zip(shorter, longer, strict=False)) if a != b), len(shorter))
    rest, other_rest = shorter[start:], longer[start:]
    if len(shorter) < len(longer):
        return rest == other_rest[1:]
    return rest[1:] == other_rest[1:] or (rest[:2] == other_rest[1::-1] and rest[2:] == other_rest[2:])


def one_edit_pattern(token: str) -> re.Pattern[str]:
    """Matches each line that `is_one_edit_away` accepts; for whole vocabularies, a term a line."""
    at = range(len(token))
    forms = {f"{token[:i]}.{token[i + 1 :]}" for i in at}
    forms |= {f"{token[:i]}.{token[i:]}" for i in (*at, len(token))}
    forms |= {token[:i] + token[i + 1 :] for i in at}
    forms |= {token[:i] + token[i + 1] + token[i] + token[i + 2 :] for i in range(len(token) - 1)}
    # Tokens hold letters and digits only, so nothing needs to be escaped.
    return re.compile(f"^(?:{'|'.join(sorted(forms))})$", re.MULTILINE)
