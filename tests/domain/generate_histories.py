"""Histories of a person over the whole catalogue of commands, each command aimed at what the person then has."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from hypothesis import strategies as st

from domain.command_data.base import CommandSpec
from domain.commands import COMMANDS, Command
from domain.components.instance import Component
from domain.components.skill import SkillComponent
from domain.decide import decide
from domain.event_data.component import ComponentAdded
from domain.event_data.lifecycle import PersonMerged
from domain.events import Event
from domain.evolve import apply
from domain.onboarding import OnboardingStep
from domain.person import Person
from domain.refusals import Refused
from domain.status import MATRIX, OK
from domain.times import format_instant
from tests.domain.generate_documents import command_document, component_data
from tests.domain.specification import ADA, GRACE, NOW, admitted, created, envelope, person_after, read, resolved, uuid

SPECS = {spec.name: spec for spec in COMMANDS.values()}
ENDINGS = [
    "ArchivePerson",
    "RecordDeath",
    "MergePersons",
    "RequestErasure",
    "ConfirmErasure",
    "SuspendPerson",
    "AbsorbPerson",
]
PAUSES = st.sampled_from([0, 0, 0, 1, 5])
STEP_COMMANDS: dict[OnboardingStep, str] = {
    "IdentityStep": "VerifyIdentity",
    "LocationStep": "AssignOnboardingLocation",
    "BasicInfoStep": "ProvideBasicInfo",
    "ComponentsStep": "ProvideComponents",
    "CompletionStep": "CompleteOnboarding",
}

SKILL = ComponentAdded(
    component_id=uuid("component of Grace"),
    component_type="Skill",
    component_data=admitted(SkillComponent, name="Compilers", category="Technical", proficiency="Expert"),
    is_primary=True,
)
OTHERS = (
    person_after(
        created(), SKILL, PersonMerged(target_person_id=ADA, merge_reason="DuplicateIdentity"), person_id=GRACE
    ),
    person_after(created(), person_id=uuid("person 2")),
)
"""Who else there is: one who was merged into Ada, and one she can be merged into."""


class Step(NamedTuple):
    """One command of a history: the person it met, and its events or the code of its refusal."""

    before: Person
    name: str
    asked: Command | None
    events: tuple[Event, ...]
    code: str | None


@st.composite
def histories(draw: st.DrawFn, *, onboarding: bool | None = None, max_size: int = 20) -> list[Step]:
    """Commands on one person, with what was decided on each."""
    person = Person.new(ADA)
    steps: list[Step] = []
    at = NOW
    names: st.SearchStrategy[str]
    last = draw(st.integers(max_size // 2, max_size))
    for number in range(last + 1):
        names = st.just("CreatePerson") if number == 0 else likely_names(person)
        name = draw(names if number < last else st.sampled_from(ENDINGS))
        data = aimed_at(draw, name, draw(command_document(SPECS[name].model)), person)
        if name == "CreatePerson" and onboarding is not None:
            data["onboarding"] = onboarding
        at += timedelta(days=draw(PAUSES))
        step = decided(person, SPECS[name], data, number, at)
        steps.append(step)
        for event in step.events:
            person = apply(person, event)
    return steps


def decided(person: Person, spec: CommandSpec, data: dict[str, Any], number: int, at: datetime = NOW) -> Step:
    """What becomes of one command. Every other one comes from a policy, which is no activity of the person."""
    asked: Command | None = None
    attributes: dict[str, Any] = {"id": uuid(f"command {number}"), "time": format_instant(at)}
    if number % 2 and not spec.kinds:
        attributes["actor"] = "policy:p@1"
    try:
        asked = resolved(read(envelope(spec.name, data, **attributes), stored_at=at), OTHERS)
        return Step(person, spec.name, asked, decide(asked, person), None)
    except Refused as refused:
        return Step(person, spec.name, asked, (), refused.code)


def state_after(steps: list[Step]) -> Person:
    """The person at the end of a history."""
    person = Person.new(ADA)
    for step in steps:
        for event in step.events:
            person = apply(person, event)
    return person


def likely_names(person: Person) -> st.SearchStrategy[str]:
    """Mostly what the status allows; endings seldom, so that histories get long."""
    if person.erasure is not None:
        return st.sampled_from(["CancelErasure"] * 4 + ["ConfirmErasure"] + [*MATRIX])
    allowed = sorted(name for name, row in MATRIX.items() if row[person.column] == OK)
    open_ended = [name for name in allowed if name not in ENDINGS] or allowed
    run = person.onboarding
    if person.column == "Draft" and run is not None:
        due = run.step_due
        likely = [STEP_COMMANDS[due]] * 8 if due is not None else ["RevertOnboardingStep"] * 6 + ["StartOnboarding"] * 2
        return st.sampled_from([*likely * 4, *["FailOnboarding"] * 4, *open_ended])
    useful = [name for name in open_ended if name not in _NEEDS or _NEEDS[name](person)]
    return st.sampled_from([*useful * 10, *allowed, *MATRIX])


def aimed_at(draw: st.DrawFn, name: str, data: dict[str, Any], person: Person) -> dict[str, Any]:
    """Most of the ids that name something are changed into ids of what the person has."""
    aimed = {**data, **_SAID.get(name, {})} if not draw(st.integers(0, 1)) else dict(data)
    if "employment_id" in aimed and name != "AddEmployment":
        aimed = {field: value for field, value in aimed.items() if field not in ("organization_id", "role", "old_role")}
    if "request_id" in aimed:
        aimed.pop("via", None)
    if name == "AddComponent" and draw(st.integers(0, 3)):
        aimed.pop("component_id", None)
    for field in sorted(aimed.keys() & _HELD.keys()):
        held = sorted(_FITTING.get(name, _HELD[field])(person))
        if held and (name, field) not in _NEW and draw(st.integers(0, 4)):
            aimed[field] = draw(st.sampled_from(held))
    if name == "RevertOnboardingStep" and person.onboarding is not None and person.onboarding.to_revert is not None:
        aimed["step"] = person.onboarding.to_revert.step
    held_component = person.components.get(aimed.get("component_id", ""))
    if held_component is not None and name in ("UpdateComponent", "RemoveComponent"):
        aimed["component_type"] = held_component.component_type
    if held_component is not None and name == "UpdateComponent":
        other = draw(component_data(held_component.component_type))
        aimed["changes"] = {field: other[field] for field in sorted(other)[: draw(st.integers(0, 3))]}
    return aimed


def _others_than_primary(person: Person) -> list[Component]:
    return [held for held in person.components.values() if not held.is_primary]


# One of several ways to name what is meant, which the fields alone do not tell.
_SAID: dict[str, dict[str, Any]] = {
    "UpdatePerson": {"name": {"given_names": ["Augusta"]}},
    "EndEmployment": {"employment_id": GRACE},
    "ChangeEmploymentRole": {"employment_id": GRACE},
    "ConfirmErasure": {"request_id": GRACE},
    "EndorseSkill": {"endorser_id": GRACE},
}
_HELD: dict[str, Callable[[Person], Iterable[str]]] = {
    "identity_id": lambda person: person.identities,
    "location_id": lambda person: {place.location_id for place in person.locations.values()},
    "agent_id": lambda person: person.agents,
    "component_id": lambda person: person.components,
    "title_id": lambda person: person.titles,
    "attribute_id": lambda person: person.attributes,
    "replaces": lambda person: person.attributes,
    "employment_id": lambda person: person.employments,
    "flag_id": lambda person: person.quality,
    "export_id": lambda person: person.exports,
    "hold_id": lambda person: person.holds,
    "request_id": lambda person: [getattr(person.erasure, "request_id", uuid("no request"))],
}
# Commands that fit only some of the components.
_FITTING: dict[str, Callable[[Person], Iterable[str]]] = {
    "EndorseSkill": lambda person: [held.component_id for held in person.components_of("Skill")],
    "SetPrimaryComponent": lambda person: [held.component_id for held in _others_than_primary(person)],
}
# Here the id is that of something new.
_NEW = {
    ("AddComponent", "component_id"),
    ("AwardTitle", "title_id"),
    ("AddEmployment", "employment_id"),
    ("PlaceLegalHold", "hold_id"),
    ("LinkIdentity", "identity_id"),
    ("VerifyIdentity", "identity_id"),
    ("AssignLocation", "location_id"),
    ("AssignOnboardingLocation", "location_id"),
    ("AssignAgent", "agent_id"),
}

# Commands on something that the person has to have.
_NEEDS: dict[str, Callable[[Person], object]] = {
    "RevokeTitle": lambda person: person.titles,
    "InvalidateAttribute": lambda person: person.attributes,
    "UpdateComponent": lambda person: person.components,
    "RemoveComponent": lambda person: person.components,
    "VerifyComponent": lambda person: person.components,
    "SetPrimaryComponent": lambda person: _others_than_primary(person),
    "EndorseSkill": lambda person: person.components_of("Skill"),
    "AnalyzeSkills": lambda person: person.components_of("GitProfile"),
    "UnlinkIdentity": lambda person: person.identities,
    "RecordIdentityVerification": lambda person: person.identities,
    "RemoveLocation": lambda person: person.locations,
    "EndEmployment": lambda person: person.employments,
    "ChangeEmploymentRole": lambda person: person.employments,
    "UnassignAgent": lambda person: person.agents,
    "ClearQuality": lambda person: person.quality,
    "CompleteExport": lambda person: person.exports,
    "LiftLegalHold": lambda person: person.holds,
    "CancelErasure": lambda person: person.erasure,
}
