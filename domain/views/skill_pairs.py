"""Which skills go together: what a person could have, from what others with the same skills have (domain.md 16.4)."""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple


class Pair(NamedTuple):
    """Persons that hold both skills; names are folded, `written` is how the other one is written."""

    held: str
    other: str
    written: str
    persons: int


class Recommended(NamedTuple):
    """A skill that goes with those that are held."""

    name: str
    score: float


def recommended(
    held: Iterable[str], counts: Mapping[str, int], pairs: Iterable[Pair], limit: int
) -> Sequence[Recommended]:
    """Skills that the person lacks, best first, ties by folded name: each scores the sum of pair(h, s) / count(h) over held skills h."""
    own = set(held)
    scores: dict[str, Fraction] = {}
    names: dict[str, str] = {}
    for pair in pairs:
        if pair.held in own and pair.other not in own and counts.get(pair.held):
            scores[pair.other] = scores.get(pair.other, Fraction()) + Fraction(pair.persons, counts[pair.held])
            names[pair.other] = min(names.get(pair.other, pair.written), pair.written)
    best = sorted(scores, key=lambda skill: (-scores[skill], skill))[:limit]
    return [Recommended(names[skill], float(scores[skill])) for skill in best]
