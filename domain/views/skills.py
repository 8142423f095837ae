"""The skills of a person: what they can do, how well, and what goes with it (domain.md 16.4).

The state does not keep what an analysis recommended, so the row is made of the state and of the last `SkillsAnalyzed`.
A person that was merged away or erased has no row, nor has one without skills and recommendations.
"""

from collections import Counter
from typing import Final, get_args

from pydantic import JsonValue

from domain.canonical import plain
from domain.components.instance import Component
from domain.components.skill import Proficiency, SkillComponent
from domain.event_data.component import (
    ComponentAdded,
    ComponentRemoved,
    ComponentUpdated,
    ComponentVerified,
    SkillEndorsed,
)
from domain.event_data.identity import NameUpdated
from domain.event_data.policy import SkillsAnalyzed
from domain.event_data.privacy import PersonErased
from domain.person import Person
from domain.personal import Redacted
from domain.values.rules import fold
from domain.views.changed_by import STATUS_EVENTS, ChangedBy, about, every
from domain.views.portrait import Held, Portrait, Row, portrait_of

NAME: Final = "skills"

LEVELS: Final[tuple[Proficiency, ...]] = get_args(Proficiency)
"""Levels of proficiency, the lowest first: it counts 1, the next 2."""

Recommended = list[JsonValue]
"""What the last analysis recommended: name, confidence and from, each."""


def render_skills(person: Person | Portrait, recommended: Recommended) -> Row | None:
    """The own row; skills are ordered by name."""
    seen = portrait_of(person)
    state = seen.person
    if not state.exists or seen.is_gone:
        return None
    held = seen.held(SkillComponent)
    if len(held) > 1:
        held = sorted(held, key=lambda one: fold(one.data.name))
    if not held and not recommended:
        return None
    levels = [level(one.data) for one in held]
    return {
        "person_id": state.person_id,
        "status": state.status.value,
        "display_name": seen.display_name,
        "skills": [_skill(one) for one in held],
        "by_category": dict(Counter(one.data.category for one in held)),
        "total_endorsements": sum(len(one.data.endorsements) for one in held),
        "average_proficiency": round(sum(levels) / len(levels), 2) if levels else None,
        "recommended": recommended,
    }


def recommended_by(analyzed: SkillsAnalyzed) -> Recommended:
    """What an analysis recommends, as rows hold it; nothing once it cannot be read."""
    if isinstance(analyzed.result, Redacted):
        return []
    return [plain(one) for one in analyzed.result.recommended]


def level(skill: SkillComponent) -> int:
    """How well the person can do it, from 1 to 4."""
    return LEVELS.index(skill.proficiency) + 1


def _skill(held: Held[SkillComponent]) -> JsonValue:
    skill = held.data
    return {
        "name": skill.name,
        "category": skill.category,
        "proficiency": skill.proficiency,
        "years_of_experience": skill.years_of_experience,
        "last_used": skill.last_used.isoformat() if skill.last_used else None,
        "endorsement_count": len(skill.endorsements),
        "is_verified": held.component.is_verified,
        "derived": _is_derived(held.component),
    }


def _is_derived(component: Component) -> bool:
    return component.provenance is not None and component.provenance.kind == "Derived"


CHANGED_BY: Final[ChangedBy] = {
    **about("Skill", ComponentAdded, ComponentUpdated, ComponentRemoved, ComponentVerified),
    **every(NameUpdated, SkillEndorsed, SkillsAnalyzed, *STATUS_EVENTS, PersonErased),
}
