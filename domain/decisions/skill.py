"""Decides on what is special about skills: others vouch for them, and Git profiles show them."""

from pydantic import JsonValue

from domain.command_data.component import AnalyzeSkills, EndorseSkill
from domain.commands import Command
from domain.components.catalogue import members
from domain.components.git_profile import GitProfileComponent
from domain.components.instance import MAX_COMPONENTS, Component, Provenance
from domain.components.skill import SkillComponent
from domain.decisions.base import Payloads
from domain.decisions.component_guards import held_component
from domain.event_data.base import EventData
from domain.event_data.component import ComponentAdded, ComponentUpdated, SkillEndorsed
from domain.event_data.policy import DerivedSkill, SkillAnalysis, SkillsAnalyzed
from domain.ids import derive
from domain.person import Person
from domain.refusals import Refused
from domain.skill_analysis import derived_skills, is_higher, languages, recommended_skills
from domain.values.rules import fold

_GIT, _SKILL = GitProfileComponent.type_name, SkillComponent.type_name


def endorse(_: Command, data: EndorseSkill, person: Person) -> Payloads:
    """Somebody else vouches for a skill, once."""
    held = held_component(person, data.component_id, _SKILL)
    if data.endorser_id == person.person_id:
        raise Refused("self_reference", field="endorser_id")
    before = members(held.data).get("endorsements")
    if any(_is_by(data, one) for one in (before if isinstance(before, list) else ())):
        raise Refused("no_change")
    return (
        SkillEndorsed(
            component_id=held.component_id,
            endorser_id=data.endorser_id,
            endorser_name=data.endorser_name,
            comment=data.comment,
        ),
    )


def analyze(command: Command, data: AnalyzeSkills, person: Person) -> Payloads:
    """The skills that Git profiles show: new ones, better ones, and what goes with them. Skills that somebody entered stay."""
    profiles = _profiles(data, person)
    derived = derived_skills(languages(one.data for one in profiles if isinstance(one.data, GitProfileComponent)))
    skills = {fold(one.data.name): one for one in person.components_of(_SKILL) if isinstance(one.data, SkillComponent)}
    # One profile has to be named as the origin: the oldest one that shows the language.
    origins = _origins(profiles)
    first = not person.components_of(_SKILL)
    added: list[EventData] = []
    payloads: list[EventData] = []
    for key, skill in derived.items():
        held = skills.get(key)
        if held is None:
            payloads.append(_added(command, key, skill, derived_from=origins[key], is_primary=first and not added))
            added.append(payloads[-1])
        elif _may_rise(held, skill):
            changes: dict[str, JsonValue] = {"proficiency": skill.proficiency}
            payloads.append(ComponentUpdated(component_id=held.component_id, component_type=_SKILL, changes=changes))
    if added and len(person.components) + len(added) > MAX_COMPONENTS:
        raise Refused("component_limit", limit=MAX_COMPONENTS)
    result = SkillAnalysis(derived=tuple(derived.values()), recommended=recommended_skills(derived, skills))
    ids = tuple(one.component_id for one in profiles)
    return (*payloads, SkillsAnalyzed(git_component_ids=ids, result=result))


def _is_by(data: EndorseSkill, endorsement: JsonValue) -> bool:
    if not isinstance(endorsement, dict):
        return False
    if data.endorser_id is not None:
        return endorsement.get("endorser_id") == data.endorser_id
    name = endorsement.get("endorser_name")
    assert data.endorser_name is not None
    return "endorser_id" not in endorsement and isinstance(name, str) and fold(name) == fold(data.endorser_name)


def _profiles(data: AnalyzeSkills, person: Person) -> list[Component]:
    if data.component_id is not None:
        return [held_component(person, data.component_id, _GIT)]
    profiles = person.components_of(_GIT)
    if not profiles:
        raise Refused("nothing_to_analyze")
    return profiles


def _origins(profiles: list[Component]) -> dict[str, str]:
    return {
        fold(use.language): one.component_id
        for one in reversed(profiles)
        if isinstance(one.data, GitProfileComponent)
        for use in one.data.languages
    }


def _added(command: Command, key: str, skill: DerivedSkill, *, derived_from: str, is_primary: bool) -> ComponentAdded:
    data = SkillComponent(name=skill.name, category="Programming", proficiency=skill.proficiency)
    return ComponentAdded(
        component_id=derive(command.id, f"skill:{key}"),
        component_type=_SKILL,
        component_data=data,
        is_primary=is_primary,
        provenance=Provenance(kind="Derived", derived_from=derived_from),
    )


def _may_rise(held: Component, skill: DerivedSkill) -> bool:
    return (
        held.provenance is not None
        and held.provenance.kind == "Derived"
        and isinstance(held.data, SkillComponent)
        and is_higher(skill.proficiency, held.data.proficiency)
    )
