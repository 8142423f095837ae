"""What Git profiles tell about skills: which languages count, how well each is known, and what goes with them."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from domain.components.git_profile import GitProfileComponent
from domain.components.skill import Proficiency
from domain.event_data.policy import DerivedSkill, RecommendedSkill
from domain.values.rules import fold

MIN_SHARE: Final = 5
"""Percent of the code below which a language is no skill."""

RANKS: Final[tuple[Proficiency, ...]] = ("Beginner", "Intermediate", "Advanced", "Expert")
_MOST_LINES: Final = ((1000, RANKS[0]), (5000, RANKS[1]), (20_000, RANKS[2]))

GOES_WITH: Final[Mapping[str, Mapping[str, float]]] = {
    "rust": {"Systems Programming": 0.9, "WebAssembly": 0.7},
    "python": {"Data Science": 0.8, "Automation": 0.85},
    "javascript": {"Web Development": 0.95},
    "typescript": {"Web Development": 0.95},
}


class Language(NamedTuple):
    """A language over all profiles; a share that nobody measured is None."""

    name: str
    lines: int
    share: float | None

    @property
    def counts(self) -> bool:
        """Whether it is a skill."""
        return self.share is None or self.share >= MIN_SHARE


def languages(profiles: Iterable[GitProfileComponent]) -> dict[str, Language]:
    """Languages by folded name, in the order of these names: lines are added, the highest share is kept."""
    found: dict[str, Language] = {}
    for profile in profiles:
        for use in profile.languages:
            key = fold(use.language)
            if not key.strip():
                continue  # in an old profile a language may lack its name
            before = found.get(key, Language(use.language, 0, None))
            shares = [share for share in (before.share, use.share) if share is not None]
            found[key] = Language(before.name, before.lines + use.lines, max(shares, default=None))
    return dict(sorted(found.items()))


def proficiency(lines: int) -> Proficiency:
    """How well a language is known of which so many lines were written."""
    return next((rank for most, rank in _MOST_LINES if lines <= most), RANKS[-1])


def is_higher(one: Proficiency, other: Proficiency) -> bool:
    """Whether a proficiency is above another."""
    return RANKS.index(one) > RANKS.index(other)


def derived_skills(found: Mapping[str, Language]) -> dict[str, DerivedSkill]:
    """Skills by folded name, in the order of these names."""
    return {
        key: DerivedSkill(name=language.name, proficiency=proficiency(language.lines))
        for key, language in found.items()
        if language.counts
    }


def recommended_skills(derived: Mapping[str, DerivedSkill], held: Iterable[str]) -> tuple[RecommendedSkill, ...]:
    """What goes with the derived skills and is not among the folded names `held`: the surest first, each name once."""
    known = {*held, *derived}
    best: dict[str, RecommendedSkill] = {}
    for key, skill in derived.items():
        for name, confidence in GOES_WITH.get(key, {}).items():
            if fold(name) not in known and (name not in best or best[name].confidence < confidence):
                best[name] = RecommendedSkill(name=name, confidence=confidence, source=skill.name)
    return tuple(sorted(best.values(), key=lambda one: (-one.confidence, one.name)))
