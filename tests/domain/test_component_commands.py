"""Adding, changing and removing components."""

from typing import Any

import orjson
import pytest

from domain.components.custom_attribute import CustomAttributeComponent
from domain.components.email_address import EmailAddressComponent
from domain.components.git_profile import GitProfileComponent
from domain.components.instance import MAX_COMPONENTS, Provenance
from domain.components.phone_number import PhoneNumberComponent
from domain.components.skill import SkillComponent
from domain.decide import decide
from domain.event_data.component import ComponentAdded, ComponentPrimaryChanged, ComponentRemoved, ComponentUpdated
from domain.ids import derive
from domain.personal import Redacted
from domain.refusals import Refused
from tests.domain.specification import (
    GRACE,
    NOW,
    admitted,
    command,
    created,
    given,
    uuid,
)

WORK, HOME, OTHER = uuid("work"), uuid("home"), uuid("other")
ENTERED = Provenance(kind="Entered")
REDACTED = Redacted(**{"$redacted": "contact"})


def mailbox(address: Any = "ada@example.org", **fields: Any) -> Any:
    return admitted(EmailAddressComponent, email={"address": address}, **fields)


def added(component_id: Any, data: Any, *, is_primary: Any = False, **fields: Any) -> Any:
    return ComponentAdded(
        component_id=component_id,
        component_type=data.type_name,
        component_data=data,
        is_primary=is_primary,
        provenance=ENTERED,
        **fields,
    )


def adding(component_id: Any, address: Any, **fields: Any) -> Any:
    data = {"email": {"address": address}}
    return {"component_id": component_id, "component_type": "EmailAddress", "data": data, **fields}


WORK_MAIL = added(WORK, mailbox("work@example.org"), is_primary=True)
HOME_MAIL = added(HOME, mailbox("home@example.org"))


@pytest.mark.parametrize(
    ("component_type", "sent", "model", "stored"),
    [
        (
            "EmailAddress",
            {"email": {"address": "ADA@Example.org"}, "email_type": "Work"},
            EmailAddressComponent,
            {"email": {"address": "ada@example.org"}, "email_type": "Work"},
        ),
        (
            "PhoneNumber",
            {
                "phone": {"number": "030 1234567", "country_calling_code": "49", "extension": "12"},
                "phone_type": "Mobile",
                "preferred_contact_time": {
                    "timezone": "Europe/Berlin",
                    "preferred_hours": [{"start": 9, "end": 17}],
                    "preferred_days": ["Mon"],
                },
            },
            PhoneNumberComponent,
            {
                "phone": {"number": "+49301234567", "extension": "12"},
                "phone_type": "Mobile",
                "preferred_contact_time": {
                    "timezone": "Europe/Berlin",
                    "preferred_hours": [{"start": 9, "end": 17}],
                    "preferred_days": ["Mon"],
                },
            },
        ),
        (
            "Skill",
            {"name": " Rust ", "category": "Programming", "proficiency": "Expert", "years_of_experience": 7.0},
            SkillComponent,
            {"name": "Rust", "category": "Programming", "proficiency": "Expert", "years_of_experience": 7},
        ),
        (
            "GitProfile",
            {"username": "ada", "languages": ["Rust", {"language": "Python", "lines": 10, "share": 1.5}]},
            GitProfileComponent,
            {"username": "ada", "languages": [{"language": "Rust"}, {"language": "Python", "lines": 10, "share": 1.5}]},
        ),
    ],
)
def test_a_component_of_each_type_is_added_in_its_one_form(
    component_type: Any, sent: Any, model: Any, stored: Any
) -> None:
    data = {"component_type": component_type, "data": sent}
    component_id = derive(uuid("command AddComponent"), "component:0")
    expected = added(component_id, admitted(model, **stored), is_primary=True)
    held = given(created()).when("AddComponent", data).then(expected).components[component_id]
    assert (held.created_at, held.created_by, held.is_verified) == (NOW, "user:u-1", False)


def test_a_component_carries_tags_custom_fields_and_its_origin() -> None:
    data = adding(WORK, "a@example.org", tags=["vip"], custom_fields={"k": [1]}, provenance_kind="Imported")
    (event,) = given(created()).when("AddComponent", data).events
    assert isinstance(event.data, ComponentAdded)
    assert (event.data.tags, event.data.custom_fields) == (("vip",), {"k": [1]})
    assert event.data.provenance == Provenance(kind="Imported")


def test_the_first_of_a_type_is_primary_and_another_only_when_asked() -> None:
    first = given(created()).when("AddComponent", adding(WORK, "work@example.org")).then(WORK_MAIL)
    second = given(first).when("AddComponent", adding(HOME, "home@example.org"), id=uuid("2nd")).then(HOME_MAIL)
    third = (
        given(second)
        .when("AddComponent", adding(OTHER, "other@example.org", is_primary=True), id=uuid("3rd"))
        .then(
            added(OTHER, mailbox("other@example.org")),
            ComponentPrimaryChanged(component_id=OTHER, component_type="EmailAddress", previous_component_id=WORK),
        )
    )
    assert [held.component_id for held in third.components.values() if held.is_primary] == [OTHER]


def test_a_component_id_is_used_once_in_the_life_of_a_person() -> None:
    specification = given(created(), WORK_MAIL).when("AddComponent", adding(WORK, "new@example.org"))
    specification.then_refused("component_exists", component_id=WORK)
    gone = given(created(), WORK_MAIL, ComponentRemoved(component_id=WORK, component_type="EmailAddress"))
    gone.when("AddComponent", adding(WORK, "new@example.org")).then_refused("component_exists", rule="id")


def test_a_natural_key_is_used_once_per_type() -> None:
    specification = given(created(), WORK_MAIL).when("AddComponent", adding(HOME, "WORK@example.org"))
    specification.then_refused("component_exists", component_id=WORK, rule="key")
    skill = added(WORK, admitted(SkillComponent, name="Straße", category="Other", proficiency="Expert"))
    data = {"name": "STRASSE", "category": "Other", "proficiency": "Beginner"}
    asked = {"component_type": "Skill", "data": data}
    given(created(), skill).when("AddComponent", asked).then_refused("component_exists", rule="key")


def test_a_person_has_at_most_500_components() -> None:
    person = given(created(), WORK_MAIL).person
    (held,) = person.components.values()
    full = {str(number): held for number in range(MAX_COMPONENTS)}
    crowded = person.model_copy(update={"components": full})
    given(crowded).when("AddComponent", adding(HOME, "home@example.org")).then_refused("component_limit")


def changing(component_id: Any, component_type: Any = "EmailAddress", **changes: Any) -> Any:
    return {"component_id": component_id, "component_type": component_type, "changes": changes}


def changed(component_id: Any, component_type: Any = "EmailAddress", *, reset: Any = False, **changes: Any) -> Any:
    return ComponentUpdated(
        component_id=component_id, component_type=component_type, changes=changes, verification_reset=reset
    )


def test_only_what_differs_is_recorded() -> None:
    asked = changing(WORK, email={"address": "WORK@example.org"}, email_type="Work")
    person = given(created(), WORK_MAIL).when("UpdateComponent", asked).then(changed(WORK, email_type="Work"))
    assert person.components[WORK].data == mailbox("work@example.org", email_type="Work")


def test_true_is_another_value_than_one() -> None:
    note = admitted(CustomAttributeComponent, type="survey", name="answer", value=1)
    asked = {"component_id": WORK, "component_type": "CustomAttribute"}
    answered = given(created(), added(WORK, note)).when("UpdateComponent", {**asked, "changes": {"value": True}})
    (event,) = answered.events
    assert isinstance(event.data, ComponentUpdated)
    assert orjson.dumps(event.data.changes) == b'{"value":true}'
    same = given(created(), added(WORK, note)).when("UpdateComponent", {**asked, "changes": {"value": 1}})
    same.then_refused("no_change")


def test_null_clears_a_field() -> None:
    skill = admitted(SkillComponent, name="Rust", category="Other", proficiency="Expert", last_used="2025-01-01")
    asked = changing(WORK, "Skill", last_used=None)
    past = (created(), added(WORK, skill, is_primary=True))
    person = given(*past).when("UpdateComponent", asked).then(changed(WORK, "Skill", last_used=None))
    assert person.components[WORK].data == skill.model_copy(update={"last_used": None})


def test_null_on_a_field_with_a_default_gives_the_default() -> None:
    past = (created(), added(WORK, mailbox(email_type="Work"), is_primary=True))
    given(*past).when("UpdateComponent", changing(WORK, email_type=None)).then(changed(WORK, email_type="Other"))


def test_a_new_key_resets_the_verification() -> None:
    verified = added(WORK, mailbox("work@example.org"), is_primary=True, is_verified=True)
    same_key = given(created(), verified).when("UpdateComponent", changing(WORK, email_type="Work"))
    assert same_key.then(changed(WORK, email_type="Work")).components[WORK].is_verified
    new_key = given(created(), verified).when("UpdateComponent", changing(WORK, email={"address": "n@example.org"}))
    person = new_key.then(changed(WORK, reset=True, email={"address": "n@example.org"}))
    assert not person.components[WORK].is_verified


@pytest.mark.parametrize(
    ("asked", "code", "facts"),
    [
        (changing(OTHER, email_type="Work"), "component_not_found", {"component_id": OTHER}),
        (changing(WORK, "Skill", name="x"), "component_type_mismatch", {"expected": "EmailAddress"}),
        (
            changing(WORK, email={"address": "x"}),
            "component_invalid",
            {"field": "data.changes.email.address", "rule": "email_at_sign"},
        ),
        (changing(WORK, email=None), "component_invalid", {"field": "data.changes.email", "rule": "missing"}),
        (changing(WORK, email_type="Moon"), "component_invalid", {"field": "data.changes.email_type"}),
        (changing(WORK, email={"address": "home@example.org"}), "component_exists", {"component_id": HOME}),
        (changing(WORK, email_type="Other"), "no_change", {}),
        (changing(WORK), "no_change", {}),
    ],
)
def test_a_change_is_refused_in_the_order_of_its_guards(asked: Any, code: Any, facts: Any) -> None:
    given(created(), WORK_MAIL, HOME_MAIL).when("UpdateComponent", asked).then_refused(code, **facts)


def test_an_update_may_not_outgrow_the_limit() -> None:
    skill = admitted(SkillComponent, name="Rust", category="Other", proficiency="Expert")
    asked = changing(WORK, "Skill", projects=["x" * 1000] * 70)
    specification = given(created(), added(WORK, skill)).when("UpdateComponent", asked)
    specification.then_refused("component_invalid", rule="data_size")


def test_a_field_that_nothing_knows_is_refused_within_a_changed_one() -> None:
    mail = {"address": "ada@example.org", "server": "mx1"}
    asked = {"component_id": WORK, "component_type": "EmailAddress", "changes": {"email": mail}}
    refused = given(created(), WORK_MAIL).when("UpdateComponent", asked)
    refused.then_refused("component_invalid", field="data.changes.email.server", rule="extra_forbidden")
    # Another one may be there: it came with an old payload, and goes with the first change.
    raw = {"name": "Rust", "category": "Programming", "level": 3, "endorsements": [{"date": "2020-01-01", "stars": 5}]}
    old = ComponentAdded(component_id=HOME, component_type="Skill", component_data=raw)
    repair = {"component_id": HOME, "component_type": "Skill", "changes": {"proficiency": "Expert"}}
    repaired = given(created(), old).when("UpdateComponent", repair)
    assert [event.type for event in repaired.events] == ["person.component_updated"]


def test_raw_data_is_repaired_by_a_change_that_makes_it_valid() -> None:
    raw = ComponentAdded(
        component_id=WORK, component_type="EmailAddress", component_data={"email": "Ada@Example.org", "old": 1}
    )
    past = given(created(), raw)
    assert past.person.components[WORK].data == {"email": "Ada@Example.org", "old": 1}
    given(past.person).when("UpdateComponent", changing(WORK, email_type="Work")).then_refused("component_invalid")
    repaired = given(past.person).when("UpdateComponent", changing(WORK, email={"address": "ada@example.org"}))
    (event,) = repaired.events
    assert repaired.then(event.data).components[WORK].data == mailbox()


def test_data_whose_key_is_gone_is_replaced_only_as_a_whole() -> None:
    gone = ComponentAdded(component_id=WORK, component_type="EmailAddress", component_data=REDACTED, tags=REDACTED)
    person = given(created(), gone).person
    assert (person.components[WORK].data, person.components[WORK].tags) == (REDACTED, ())
    given(person).when("UpdateComponent", changing(WORK, email_type="Work")).then_refused("component_invalid")
    whole = given(person).when("UpdateComponent", changing(WORK, email={"address": "ada@example.org"}))
    (event,) = whole.events
    assert whole.then(event.data).components[WORK].data == mailbox()


def test_the_oldest_remaining_component_takes_over_as_primary() -> None:
    specification = given(created(), WORK_MAIL, HOME_MAIL).when(
        "RemoveComponent", {"component_id": WORK, "component_type": "EmailAddress"}
    )
    person = specification.then(
        ComponentRemoved(component_id=WORK, component_type="EmailAddress"),
        ComponentPrimaryChanged(component_id=HOME, component_type="EmailAddress", previous_component_id=WORK),
    )
    assert list(person.components) == [HOME]
    assert person.components[HOME].is_primary
    assert person.retired_components == {WORK}


@pytest.mark.parametrize("past", [(WORK_MAIL,), (WORK_MAIL, HOME_MAIL)])
def test_nobody_takes_over_when_nobody_remains_or_another_was_primary(past: Any) -> None:
    component_id = past[-1].component_id
    asked = {"component_id": component_id, "component_type": "EmailAddress"}
    expected = ComponentRemoved(component_id=component_id, component_type="EmailAddress")
    given(created(), *past).when("RemoveComponent", asked).then(expected)


def test_a_component_is_removed_by_its_id_and_type() -> None:
    past = given(created(), WORK_MAIL).person
    unknown = {"component_id": GRACE, "component_type": "Skill"}
    given(past).when("RemoveComponent", unknown).then_refused("component_not_found")
    other = {"component_id": WORK, "component_type": "Skill"}
    given(past).when("RemoveComponent", other).then_refused("component_type_mismatch")


@pytest.mark.parametrize(
    ("data", "field", "rule"),
    [
        ({"component_type": "Unknown", "data": {}}, "data.component_type", "component_type"),
        ({"data": {}}, "data.component_type", "missing"),
        ({"component_type": "Skill"}, "data.data", "missing"),
        ({"component_type": "Skill", "data": []}, "data.data", "object"),
        (adding("x", "a@example.org"), "data.component_id", "string_pattern_mismatch"),
        (adding("0" * 8 + "-0000-0000-0000-" + "0" * 12, "a@example.org"), "data.component_id", "reserved_id"),
        (adding(WORK, "a@example.org", tags=["x"] * 33), "data.tags", "tag_count"),
        (adding(WORK, "a@example.org", tags=[" "]), "data.tags", "not_blank"),
        (
            adding(WORK, "a@example.org", custom_fields={"k": "x" * 17000}),
            "data.custom_fields",
            "custom_fields_size",
        ),
        (adding(WORK, "a@example.org", is_primary="yes"), "data.is_primary", "bool_type"),
        (adding(WORK, "a@example.org", is_verified=True), "data.is_verified", "extra_forbidden"),
        (
            {
                "component_type": "Skill",
                "data": {"name": "x", "category": "Other", "proficiency": "Expert", "endorsements": []},
            },
            "data.data.endorsements",
            "derived_field",
        ),
        (
            {
                "component_type": "Skill",
                "data": {"name": "x", "category": "Other", "proficiency": "Expert", "years_of_experience": 81},
            },
            "data.data.years_of_experience",
            "years_of_experience",
        ),
        (
            {"component_type": "GitProfile", "data": {"username": "a", "languages": [{"language": "x", "share": 101}]}},
            "data.data.languages.0.share",
            "share",
        ),
        (
            {"component_type": "GitProfile", "data": {"username": "a", "repositories": -1}},
            "data.data.repositories",
            "count",
        ),
        (
            {
                "component_type": "Skill",
                "data": {"name": "x", "category": "Other", "proficiency": "Expert", "projects": ["y" * 999] * 70},
            },
            "data.data",
            "data_size",
        ),
    ],
)
def test_a_component_outside_its_rules_is_an_invalid_command(data: Any, field: Any, rule: Any) -> None:
    with pytest.raises(Refused) as refused:
        command("AddComponent", data)
    assert refused.value.facts == {"field": field, "rule": rule}


def test_a_custom_field_is_not_named_like_the_mark_of_what_nobody_can_read() -> None:
    with pytest.raises(Refused) as refused:
        command("AddComponent", adding(WORK, "ada@example.org", custom_fields={"$redacted": "contact"}))
    assert refused.value.facts == {"field": "data.custom_fields", "rule": "reserved_key"}


@pytest.mark.parametrize(
    ("changes", "field", "rule"),
    [
        ({"colour": "red"}, "data.changes.colour", "extra_forbidden"),
        ({"endorsements": []}, "data.changes.endorsements", "derived_field"),
    ],
)
def test_only_fields_of_the_type_can_be_changed(changes: Any, field: Any, rule: Any) -> None:
    with pytest.raises(Refused) as refused:
        command("UpdateComponent", changing(WORK, "Skill", **changes))
    assert refused.value.facts == {"field": field, "rule": rule}


def test_two_decisions_of_one_command_are_equal() -> None:
    asked = command("AddComponent", adding(None, "ada@example.org"))
    person = given(created()).person
    assert decide(asked, person) == decide(asked, person)
