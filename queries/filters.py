"""The filters of lists and searches (domain.md 17.3): their fields and rules, and which person they hold for.

An index must select what `holds` selects; it is the whole rule, without any store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from domain.components.skill import Proficiency
from domain.onboarding import OnboardingState
from domain.relations import VerificationLevel
from domain.status import Status
from domain.values.email import normalise_address
from domain.values.phone import normalise_number
from domain.values.rules import fold
from domain.views.search_tokens import MIN_PREFIX, search_fold, tokens
from queries.index.levels import IDENTITY_LEVELS, PROFICIENCIES

MAX_VALUES = 20


def _worded(text: str) -> str:
    if not tokens(text):
        raise ValueError("must hold a letter or a digit")
    return " ".join(text.split())


Text = Annotated[str, Field(max_length=200), AfterValidator(_worded)]


class Filters(BaseModel):
    """All that are given must hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: tuple[Status, ...] = Field((Status.ACTIVE,), min_length=1, max_length=len(Status))
    name_prefix: Text | None = None
    email: Annotated[str, AfterValidator(normalise_address)] | None = None
    phone: Annotated[str, AfterValidator(normalise_number)] | None = None
    skills: tuple[Text, ...] = Field((), max_length=MAX_VALUES)
    min_proficiency: Proficiency | None = None
    employer: Text | None = None
    organization_id: str | None = Field(None, max_length=200)
    location: Text | None = None
    location_id: str | None = Field(None, max_length=200)
    component_type: str | None = Field(None, max_length=64)
    identity_level_min: VerificationLevel | None = None
    tag: Text | None = None
    created_from: AwareDatetime | None = None
    created_to: AwareDatetime | None = None
    onboarding_state: OnboardingState | None = None

    @property
    def are_given(self) -> bool:
        """Whether anything but the status is asked for."""
        # Not by what was set: a request that went through another worker names every field.
        return any(value not in (None, ()) for name, value in self if name != "status")


def holds(filters: Filters, document: Mapping[str, Any], skills: Iterable[Mapping[str, Any]] = ()) -> bool:
    """Whether a person with this search document and these skills (those of the skills row) passes."""
    return (
        document["status"] in filters.status
        and _says(filters, document)
        and _has(filters, document)
        and _is_between(filters, document["created_at"])
        and _can(filters, skills)
    )


def _says(filters: Filters, document: Mapping[str, Any]) -> bool:
    prefix = search_fold(filters.name_prefix or "")
    employer, tag = search_fold(filters.employer or ""), search_fold(filters.tag or "")
    places = {token for place in document["locations"] for token in tokens(place)}
    return (
        (not prefix or any(f" {search_fold(name)}".find(f" {prefix}") >= 0 for name in document["names"]))
        and (not employer or employer in map(search_fold, document["employers"]))
        and (not tag or tag in map(search_fold, document["tags"]))
        and all(_is_in(token, places) for token in tokens(filters.location or ""))
    )


def _is_in(token: str, held: Iterable[str]) -> bool:
    return any(other == token or (len(token) >= MIN_PREFIX and other.startswith(token)) for other in held)


def _has(filters: Filters, document: Mapping[str, Any]) -> bool:
    wanted = {
        "emails": filters.email,
        "phones": filters.phone,
        "organization_ids": filters.organization_id,
        "location_ids": filters.location_id,
        "component_types": filters.component_type,
    }
    least = filters.identity_level_min
    return (
        all(value is None or value in document[member] for member, value in wanted.items())
        and (least is None or IDENTITY_LEVELS.index(document["identity_level"]) >= IDENTITY_LEVELS.index(least))
        and filters.onboarding_state in (None, document.get("onboarding_state"))
    )


def _is_between(filters: Filters, created_at: str | None) -> bool:
    if filters.created_from is None and filters.created_to is None:
        return True
    if created_at is None:
        return False
    at = datetime.fromisoformat(created_at)
    return (filters.created_from is None or at >= filters.created_from) and (
        filters.created_to is None or at <= filters.created_to
    )


def _can(filters: Filters, skills: Iterable[Mapping[str, Any]]) -> bool:
    least = PROFICIENCIES.index(filters.min_proficiency) if filters.min_proficiency else 0
    held = {fold(skill["name"]) for skill in skills if PROFICIENCIES.index(skill["proficiency"]) >= least}
    if not filters.skills:
        return filters.min_proficiency is None or bool(held)
    return all(fold(name) in held for name in filters.skills)
