"""The onboarding run: step by step to Active, or failed and undone in strict reverse order."""

from typing import Any

import pytest

from domain.components.behavioral_data import BehavioralDataComponent
from domain.components.email_address import EmailAddressComponent
from domain.components.instance import Provenance
from domain.components.phone_number import PhoneNumberComponent
from domain.components.skill import SkillComponent
from domain.event_data.component import ComponentAdded, ComponentRemoved
from domain.event_data.identity import IdentityLinked, IdentityUnlinked
from domain.event_data.lifecycle import PersonActivated
from domain.event_data.onboarding import (
    OnboardingCompleted,
    OnboardingFailed,
    OnboardingStarted,
    OnboardingStepCompleted,
    OnboardingStepReverted,
)
from domain.event_data.privacy import ConsentRecorded
from domain.event_data.relationship import LocationAssigned, LocationRemoved
from domain.evolve import evolve
from domain.ids import derive
from domain.onboarding import STATES, STEPS
from domain.person import Person
from domain.refusals import Refused
from domain.status import Status
from tests.domain.specification import (
    ADA,
    GRACE,
    NOW,
    admitted,
    command,
    created,
    given,
    onboarding_started,
    person_after,
    recorded,
    uuid,
)

RUN = uuid("onboarding")
IDENTITY = {"identity_id": "i-1", "identity_type": "passport", "verification_level": "Document"}
PLACE = {"location_id": "l-1", "location_type": "Residence"}
MAIL = {"email": {"address": "ada@example.org"}}
PHONE = {"phone": {"number": "+49301234567"}}
SKILL = {"name": "Algebra", "category": "Analytical", "proficiency": "Expert"}
BASIC = {"email": MAIL, "phone": PHONE}
COMPONENTS = {"components": [{"component_type": "Skill", "data": SKILL}]}
STEP_COMMANDS: list[tuple[str, dict[str, Any]]] = [
    ("VerifyIdentity", IDENTITY),
    ("AssignOnboardingLocation", PLACE),
    ("ProvideBasicInfo", BASIC),
    ("ProvideComponents", COMPONENTS),
    ("CompleteOnboarding", {}),
]
LINKED = IdentityLinked(**IDENTITY)
ASSIGNED = LocationAssigned(**PLACE, is_primary=True)
ENTERED = Provenance(kind="Entered")
MAIL_ID = derive(uuid("command ProvideBasicInfo"), "component:0")
PHONE_ID = derive(uuid("command ProvideBasicInfo"), "component:1")
SKILL_ID = derive(uuid("command ProvideComponents"), "component:0")


def added(component_id: str, model: Any, data: Any, *, is_primary: bool = True) -> ComponentAdded:
    return ComponentAdded(
        component_id=component_id,
        component_type=model.type_name,
        component_data=admitted(model, **data),
        is_primary=is_primary,
        provenance=ENTERED,
    )


def done(step: int, *component_ids: str) -> OnboardingStepCompleted:
    return OnboardingStepCompleted(
        onboarding_id=RUN, step=STEPS[step], next_state=STATES[step + 1], component_ids=component_ids
    )


def draft() -> Person:
    return person_after(created(onboarding=True), onboarding_started())


def after_steps(count: int, person: Person | None = None, run: str = "") -> Person:
    person = person or draft()
    for name, data in STEP_COMMANDS[:count]:
        specification = given(person).when(name, data, id=uuid(f"command {name}{run}"))
        person = specification.then(*(event.data for event in specification.events))
    return person


def failed_after(count: int) -> Person:
    specification = given(after_steps(count)).when("FailOnboarding", {"reason": "no answer"})
    return specification.then(*(event.data for event in specification.events))


def test_a_verified_identity_is_linked() -> None:
    person = given(draft()).when("VerifyIdentity", IDENTITY).then(LINKED, done(0))
    assert person.onboarding is not None
    assert person.onboarding.state == "WaitingForLocationAssignment"
    assert person.identities["i-1"].verification_level == "Document"


def test_an_assigned_location_is_the_primary_one() -> None:
    person = given(after_steps(1)).when("AssignOnboardingLocation", PLACE).then(ASSIGNED, done(1))
    assert [place.is_primary for place in person.locations.values()] == [True]


def test_basic_info_is_an_email_address_and_a_phone_number() -> None:
    mail, phone = added(MAIL_ID, EmailAddressComponent, MAIL), added(PHONE_ID, PhoneNumberComponent, PHONE)
    person = given(after_steps(2)).when("ProvideBasicInfo", BASIC).then(mail, phone, done(2, MAIL_ID, PHONE_ID))
    assert set(person.components) == {MAIL_ID, PHONE_ID}


def test_only_ids_that_are_left_out_are_derived() -> None:
    data = {**BASIC, "email_component_id": GRACE}
    mail, phone = added(GRACE, EmailAddressComponent, MAIL), added(MAIL_ID, PhoneNumberComponent, PHONE)
    given(after_steps(2)).when("ProvideBasicInfo", data).then(mail, phone, done(2, GRACE, MAIL_ID))


def test_other_components_follow_and_the_first_of_a_type_is_primary() -> None:
    second_mail = {"email": {"address": "work@example.org"}}
    data = {"components": [*COMPONENTS["components"], {"component_type": "EmailAddress", "data": second_mail}]}
    mail_id = derive(uuid("command ProvideComponents"), "component:1")
    skill = added(SKILL_ID, SkillComponent, SKILL)
    mail = added(mail_id, EmailAddressComponent, second_mail, is_primary=False)
    given(after_steps(3)).when("ProvideComponents", data).then(skill, mail, done(3, SKILL_ID, mail_id))


def test_the_components_may_be_none() -> None:
    person = given(after_steps(3)).when("ProvideComponents", {"components": []}).then(done(3))
    assert person.onboarding is not None
    assert person.onboarding.state == "WaitingForCompletion"


def test_a_completed_onboarding_makes_the_person_active() -> None:
    activated, completed = PersonActivated(reason="onboarding completed"), OnboardingCompleted(onboarding_id=RUN)
    person = given(after_steps(4)).when("CompleteOnboarding", {}).then(activated, completed)
    assert person.status is Status.ACTIVE
    assert person.onboarding is not None
    assert person.onboarding.state == "Completed"


@pytest.mark.parametrize("due", range(5))
def test_a_command_for_another_step_names_the_state_that_is_waited_in(due: int) -> None:
    person = after_steps(due)
    for index, (name, data) in enumerate(STEP_COMMANDS):
        if index != due:
            specification = given(person).when(name, data, id=uuid("another command"))
            specification.then_refused("onboarding_wrong_step", expected=STATES[due])


@pytest.mark.parametrize("count", range(5))
def test_an_onboarding_can_fail_in_every_waiting_state(count: int) -> None:
    expected = OnboardingFailed(onboarding_id=RUN, at_step=STEPS[count], reason="no answer")
    person = given(after_steps(count)).when("FailOnboarding", {"reason": "no answer"}).then(expected)
    assert person.onboarding is not None
    assert (person.onboarding.state, person.onboarding.failed_at) == ("Failed", NOW)
    assert person.status is Status.DRAFT
    for name, data in [*STEP_COMMANDS, ("FailOnboarding", {"reason": "x"})]:
        given(person).when(name, data, id=uuid("another command")).then_refused("onboarding_not_active")


INVERSE: dict[int, tuple[Any, ...]] = {
    0: (IdentityUnlinked(identity_id="i-1"),),
    1: (LocationRemoved(location_id="l-1", location_type="Residence"),),
    2: (
        ComponentRemoved(component_id=PHONE_ID, component_type="PhoneNumber"),
        ComponentRemoved(component_id=MAIL_ID, component_type="EmailAddress"),
    ),
    3: (ComponentRemoved(component_id=SKILL_ID, component_type="Skill"),),
}


def test_a_failed_run_is_undone_in_strict_reverse_order() -> None:
    person = failed_after(4)
    for index in reversed(range(4)):
        for other in (step for step in STEPS if step != STEPS[index]):
            wrong = given(person).when("RevertOnboardingStep", {"step": other}, id=uuid("another command"))
            wrong.then_refused("onboarding_revert_order", expected=STEPS[index])
        given(person).when("StartOnboarding", {}).then_refused("onboarding_in_progress")
        given(person).when("ArchivePerson", {"reason": "x"}).then_refused("onboarding_in_progress")
        reverted = OnboardingStepReverted(onboarding_id=RUN, step=STEPS[index])
        specification = given(person).when("RevertOnboardingStep", {"step": STEPS[index]}, id=uuid(f"undo {index}"))
        person = specification.then(*INVERSE[index], reverted)
    assert (person.identities, person.locations, person.components) == ({}, {}, {})
    for step in STEPS:
        again = given(person).when("RevertOnboardingStep", {"step": step}, id=uuid("another command"))
        again.then_refused("onboarding_revert_order")


def test_a_component_that_is_gone_is_not_removed_again() -> None:
    gone = ComponentRemoved(component_id=MAIL_ID, component_type="EmailAddress")
    person = failed_after(3)
    person = evolve(person, recorded(gone, person.version + 1))
    reverted = OnboardingStepReverted(onboarding_id=RUN, step="BasicInfoStep")
    given(person).when("RevertOnboardingStep", {"step": "BasicInfoStep"}).then(INVERSE[2][0], reverted)


def test_only_a_failed_run_is_undone() -> None:
    asked = {"step": "IdentityStep"}
    given(after_steps(1)).when("RevertOnboardingStep", asked).then_refused("onboarding_not_active")
    given(after_steps(5)).when("RevertOnboardingStep", asked).then_refused("onboarding_not_active")


def test_a_failed_and_undone_run_is_followed_by_another() -> None:
    person = failed_after(0)
    onboarding_id = derive(uuid("command StartOnboarding"), "onboarding")
    started = OnboardingStarted(onboarding_id=onboarding_id, run=2, steps=STEPS)
    person = given(person).when("StartOnboarding", {}).then(started)
    assert person.onboarding is not None
    assert (person.onboarding.state, person.onboarding.completed) == ("WaitingForIdentityVerification", ())
    given(person).when("StartOnboarding", {}, id=uuid("another")).then_refused("onboarding_in_progress")
    assert after_steps(5, person, " again").status is Status.ACTIVE


def test_ids_of_a_run_that_was_undone_are_not_used_again() -> None:
    person = after_steps(2).model_copy(update={"retired_components": frozenset({GRACE})})
    data = {**BASIC, "phone_component_id": GRACE}
    given(person).when("ProvideBasicInfo", data).then_refused("component_exists", component_id=GRACE, rule="id")
    both = {**BASIC, "email_component_id": uuid("x"), "phone_component_id": uuid("x")}
    given(after_steps(2)).when("ProvideBasicInfo", both).then_refused("component_exists", rule="id")


BEHAVIOR = {
    "purchase_behavior": {"visits": 1},
    "engagement_patterns": {"newsletter": True},
    "interaction_summary": {"total": 1, "tickets": 0},
}
BEHAVIORAL = {"component_type": "BehavioralData", "data": BEHAVIOR}
MYSELF = {"component_type": "Relationship", "data": {"other_person_id": ADA, "relationship_type": "Friend"}}
TWICE = {"component_type": "EmailAddress", "data": MAIL}


@pytest.mark.parametrize(
    ("components", "code", "facts"),
    [
        ([TWICE, MYSELF, BEHAVIORAL], "consent_required", {"consent_type": "profiling"}),
        ([TWICE, MYSELF], "self_reference", {}),
        ([TWICE], "component_exists", {"rule": "key"}),
        ([*COMPONENTS["components"] * 2], "component_exists", {"rule": "key"}),
        ([{**COMPONENTS["components"][0], "component_id": MAIL_ID}], "component_exists", {"rule": "id"}),
    ],
)
def test_components_are_refused_in_the_order_of_their_guards(components: Any, code: Any, facts: Any) -> None:
    given(after_steps(3)).when("ProvideComponents", {"components": components}).then_refused(code, **facts)


def test_behavioural_data_comes_once_and_with_consent() -> None:
    granted = ConsentRecorded(consent_type="profiling", granted=True, terms_version="1")
    person = evolve(after_steps(3), recorded(granted, 99))
    one = given(person).when("ProvideComponents", {"components": [BEHAVIORAL]})
    one.then(added(SKILL_ID, BehavioralDataComponent, BEHAVIOR), done(3, SKILL_ID))
    two = given(person).when("ProvideComponents", {"components": [BEHAVIORAL] * 2})
    two.then_refused("component_exists", rule="single")


@pytest.mark.parametrize(
    ("name", "data", "field", "rule"),
    [
        (
            "VerifyIdentity",
            {**IDENTITY, "verification_level": "Unverified"},
            "data.verification_level",
            "literal_error",
        ),
        ("StartOnboarding", {"run": 2}, "data.run", "extra_forbidden"),
        ("ProvideBasicInfo", {"email": MAIL}, "data.phone", "missing"),
        (
            "ProvideBasicInfo",
            {**BASIC, "email": {"email": {"address": "x"}}},
            "data.email.email.address",
            "email_at_sign",
        ),
        ("ProvideComponents", {"components": [{}] * 51}, "data.components.0.component_type", "missing"),
        (
            "ProvideComponents",
            {"components": COMPONENTS["components"] * 51},
            "data.components",
            "component_count",
        ),
        (
            "ProvideComponents",
            {"components": [{"component_type": "Skill", "data": {**SKILL, "endorsements": []}}]},
            "data.components.0.data.endorsements",
            "derived_field",
        ),
        ("FailOnboarding", {"reason": " "}, "data.reason", "reason_length"),
        ("RevertOnboardingStep", {"step": "StartStep"}, "data.step", "literal_error"),
    ],
)
def test_a_bad_field_is_named_with_its_rule(name: Any, data: Any, field: Any, rule: Any) -> None:
    with pytest.raises(Refused) as refused:
        command(name, data)
    assert refused.value.facts == {"field": field, "rule": rule}


def test_only_sagas_undo_a_step() -> None:
    for actor in ("user:u-1", "api:a-1", "policy:p@1", "job:j-1"):
        with pytest.raises(Refused) as refused:
            command("RevertOnboardingStep", {"step": "IdentityStep"}, actor=actor)
        assert (refused.value.code, refused.value.facts) == ("forbidden", {"command": "RevertOnboardingStep"})


def test_onboarding_events_out_of_place_change_nothing() -> None:
    waiting, failed, completed = after_steps(1), failed_after(1), after_steps(5)
    outside = person_after(created())
    other = uuid("another run")
    for person, data in (
        (waiting, done(0)),
        (waiting, done(1).model_copy(update={"onboarding_id": other})),
        (failed, done(1)),
        (waiting, done(2)),
        (waiting, OnboardingCompleted(onboarding_id=RUN)),
        (waiting, OnboardingStepReverted(onboarding_id=RUN, step="IdentityStep")),
        (failed, OnboardingStepReverted(onboarding_id=other, step="IdentityStep")),
        (failed, OnboardingStepReverted(onboarding_id=RUN, step="LocationStep")),
        (failed, OnboardingFailed(onboarding_id=RUN, at_step="LocationStep", reason="x")),
        (waiting, OnboardingFailed(onboarding_id=other, at_step="LocationStep", reason="x")),
        (failed, OnboardingCompleted(onboarding_id=RUN)),
        (completed, OnboardingCompleted(onboarding_id=RUN)),
        (outside, done(0)),
        (outside, OnboardingCompleted(onboarding_id=RUN)),
    ):
        assert evolve(person, recorded(data, 99)) is person, data
    undone = evolve(failed, recorded(OnboardingStepReverted(onboarding_id=RUN, step="IdentityStep"), 99))
    assert evolve(undone, recorded(OnboardingStepReverted(onboarding_id=RUN, step="IdentityStep"), 100)) is undone
