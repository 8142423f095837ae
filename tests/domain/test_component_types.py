"""The 22 component types: what each takes, refuses, calls the same, and gives back."""

from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from domain.canonical import encode, plain_members
from domain.components.catalogue import COMPONENT_TYPES, stored_data, true_type
from domain.event_data.component import ComponentAdded, ComponentRemoved, ComponentUpdated
from domain.fields import broken_rule
from domain.personal import Redacted
from domain.refusals import Refused
from tests.domain.samples_of_components import BROKEN, OTHER_PERSON, SAMPLES, with_change
from tests.domain.specification import command, created, given, uuid

IN_THE_ORDER_OF_THE_SPECIFICATION = [
    ("EmailAddress", "contact", "contact"),
    ("PhoneNumber", "contact", "contact"),
    ("MessagingApp", "contact", "contact"),
    ("Address", "contact", "contact"),
    ("Employment", "profile", "career"),
    ("ProfessionalAffiliation", "profile", "career"),
    ("Project", "profile", "career"),
    ("Skill", "profile", "career"),
    ("Certification", "profile", "career"),
    ("Education", "profile", "career"),
    ("SocialProfile", "profile", "public"),
    ("Website", "profile", "public"),
    ("ProfessionalNetwork", "profile", "career"),
    ("Relationship", "profile", "private"),
    ("CustomerSegment", "profile", "commercial"),
    ("BehavioralData", "behaviour", "commercial"),
    ("CommunicationPreferences", "profile", "private"),
    ("PrivacyPreferences", "profile", "private"),
    ("GeneralPreferences", "profile", "private"),
    ("Tag", "profile", "public"),
    ("CustomAttribute", "profile", "private"),
    ("GitProfile", "profile", "career"),
]
SINGLE = {
    "CustomerSegment",
    "BehavioralData",
    "CommunicationPreferences",
    "PrivacyPreferences",
    "GeneralPreferences",
}


def refused_by(component_type: str, data: dict[str, Any]) -> tuple[str, str]:
    with pytest.raises(ValidationError) as refused:
        COMPONENT_TYPES[component_type].admit(data)
    return broken_rule(refused.value)


def test_there_are_22_types_each_with_a_protection_group_and_an_access_class() -> None:
    described = [(name, model.group, model.access) for name, model in COMPONENT_TYPES.items()]
    assert described == IN_THE_ORDER_OF_THE_SPECIFICATION
    assert SAMPLES.keys() == BROKEN.keys() == COMPONENT_TYPES.keys()
    assert {name for name, model in COMPONENT_TYPES.items() if model.single} == SINGLE
    assert {name: model.consent for name, model in COMPONENT_TYPES.items() if model.consent} == {
        "BehavioralData": "profiling"
    }


@pytest.mark.parametrize("component_type", COMPONENT_TYPES)
def test_data_of_a_type_is_read_back_as_it_was_written(component_type: str) -> None:
    model, sample = COMPONENT_TYPES[component_type], SAMPLES[component_type]
    assert sample.keys() == model.model_fields.keys() - model.derived_fields, "a sample sets every field"
    data = model.admit(sample)
    raw = encode(data)
    assert orjson.loads(raw) == {**sample, **{name: [] for name in model.derived_fields}}
    assert stored_data(component_type, orjson.loads(raw)) == data
    assert encode(stored_data(component_type, orjson.loads(raw))) == raw


@pytest.mark.parametrize("component_type", COMPONENT_TYPES)
def test_data_that_breaks_a_rule_is_refused_when_it_enters_and_read_when_it_is_stored(component_type: str) -> None:
    broken = BROKEN[component_type]
    assert refused_by(component_type, broken.data) == (broken.field, broken.rule)
    with pytest.raises(Refused) as refused:
        command("AddComponent", {"component_type": component_type, "data": broken.data})
    assert refused.value.facts == {"field": f"data.data.{broken.field}", "rule": broken.rule}
    assert plain_members(stored_data(component_type, broken.data)).items() >= broken.data.items()


@pytest.mark.parametrize("component_type", COMPONENT_TYPES)
def test_stored_data_that_does_not_fit_stays_raw(component_type: str) -> None:
    field = UNFIT.get(component_type, next(iter(SAMPLES[component_type])))
    unfit = {**SAMPLES[component_type], field: [[]]}
    assert stored_data(component_type, unfit) == unfit
    older = {"legacy": 1}
    if component_type != "PrivacyPreferences":  # all its fields may be left out
        assert stored_data(component_type, older) == older


UNFIT = {"BehavioralData": "interaction_summary"}  # its first field takes any JSON


@pytest.mark.parametrize("component_type", COMPONENT_TYPES)
def test_flags_of_older_payloads_are_passed_over_on_read_and_refused_on_entry(component_type: str) -> None:
    model, sample = COMPONENT_TYPES[component_type], SAMPLES[component_type]
    for flag in ("preferred", "primary", "is_primary", "verified", "is_verified"):
        assert stored_data(component_type, {**sample, flag: True}) == model.admit(sample)
        assert refused_by(component_type, {**sample, flag: True}) == (flag, "extra_forbidden")


@pytest.mark.parametrize("component_type", COMPONENT_TYPES)
def test_a_single_component_has_one_key_and_any_other_has_that_of_its_data(component_type: str) -> None:
    model = COMPONENT_TYPES[component_type]
    key = model.admit(SAMPLES[component_type]).natural_key()
    assert (key == ()) == model.single
    assert all(isinstance(part, str) for part in key)


@pytest.mark.parametrize(
    ("component_type", "changes", "same"),
    [
        ("EmailAddress", {"email": {"address": "ADA@example.org"}, "email_type": "Other"}, True),
        ("PhoneNumber", {"phone": {"number": "+49 30 12345678", "extension": "12"}}, True),
        ("PhoneNumber", {"phone": {"number": "+49 30 12345678"}}, False),
        ("MessagingApp", {"handle": "@ADA"}, True),
        ("MessagingApp", {"platform": "Signal"}, False),
        ("Address", {"address": {**SAMPLES["Address"]["address"], "street2": "Flat 4", "city": "LONDON"}}, True),
        ("Address", {"address_type": "Business"}, False),
        ("Employment", {"company": "ANALYTICAL ENGINES", "department": "Sales"}, True),
        ("Employment", {"start_date": "2019-04-02"}, False),
        ("ProfessionalAffiliation", {"role": "Member"}, True),
        ("ProfessionalAffiliation", {"start_date": "2018-01-02"}, False),
        ("Project", {"role": "Reader"}, True),
        ("Project", {"project_name": "Bernoulli"}, False),
        ("Skill", {"name": "RUST", "proficiency": "Beginner"}, True),
        ("Certification", {"issue_date": "2021-01-01"}, True),
        ("Certification", {"credential_id": None}, False),
        ("Education", {"grade": "Second"}, True),
        ("Education", {"degree_type": "Bachelor"}, False),
        ("SocialProfile", {"username": "ADA"}, True),
        ("SocialProfile", {"platform": "GitHub"}, False),
        ("Website", {"title": "Other notes"}, True),
        ("Website", {"url": "https://ada.example.org/blog"}, False),
        ("ProfessionalNetwork", {"membership_level": "Basic"}, True),
        ("ProfessionalNetwork", {"member_id": "m-2"}, False),
        ("Relationship", {"strength": 0.1}, True),
        ("Relationship", {"relationship_type": "Friend"}, False),
        ("CustomerSegment", {"value_tier": "Basic"}, True),
        ("Tag", {"label": "SPEAKER", "color": None}, True),
        ("Tag", {"scope": None}, False),
        ("CustomAttribute", {"value": 1}, True),
        ("CustomAttribute", {"name": "US"}, False),
        ("GitProfile", {"username": "ADA"}, True),
        ("GitProfile", {"provider": "GitHub"}, False),
    ],
)
def test_two_components_are_the_same_by_their_natural_key(component_type: str, changes: Any, same: bool) -> None:
    model = COMPONENT_TYPES[component_type]
    one = model.admit(SAMPLES[component_type])
    other = model.admit(with_change(component_type, **changes))
    assert (one.natural_key() == other.natural_key()) is same


@pytest.mark.parametrize(
    ("component_type", "changes", "field", "rule"),
    [
        ("MessagingApp", {"handle": " "}, "handle", "not_blank"),
        ("MessagingApp", {"platform": "Pigeon"}, "platform", "literal_error"),
        ("Address", {"address": {**SAMPLES["Address"]["address"], "city": ""}}, "address.city", "not_blank"),
        ("Address", {"address": {**SAMPLES["Address"]["address"], "street1": " "}}, "address.street1", "not_blank"),
        ("Address", {"address": {**SAMPLES["Address"]["address"], "country": ""}}, "address.country", "not_blank"),
        ("Address", {"coordinates": {"latitude": 90.1, "longitude": 0}}, "coordinates.latitude", "range"),
        ("Address", {"coordinates": {"latitude": 0, "longitude": -181}}, "coordinates.longitude", "range"),
        (
            "Address",
            {"coordinates": {"latitude": 0, "longitude": 0, "accuracy_meters": -1}},
            "coordinates.accuracy_meters",
            "range",
        ),
        ("Employment", {"company": " "}, "company", "not_blank"),
        ("Employment", {"position": ""}, "position", "not_blank"),
        ("Employment", {"end_date": "2019-03-31"}, "end_date", "before_start"),
        ("Employment", {"start_date": None}, "start_date", "missing"),
        ("ProfessionalAffiliation", {"organization_name": " "}, "organization_name", "not_blank"),
        ("Project", {"project_name": ""}, "project_name", "not_blank"),
        ("Project", {"role": ""}, "role", "not_blank"),
        ("Project", {"end_date": "2020-01-31"}, "end_date", "before_start"),
        ("Project", {"is_ongoing": True}, "is_ongoing", "ended"),
        ("Project", {"budget": {"amount": "1,5", "currency": "GBP"}}, "budget.amount", "amount"),
        ("Project", {"budget": {"amount": 1.5, "currency": "GBP"}}, "budget.amount", "string_type"),
        ("Project", {"budget": {"amount": "1.5", "currency": "gbp"}}, "budget.currency", "currency"),
        ("Education", {"end_date": "2010-09-30"}, "end_date", "before_start"),
        ("SocialProfile", {"username": " "}, "username", "not_blank"),
        ("SocialProfile", {"follower_count": -1}, "follower_count", "count"),
        ("SocialProfile", {"following_count": -1}, "following_count", "count"),
        ("Website", {"url": "ftp://example.org"}, "url", "url"),
        ("ProfessionalNetwork", {"network_name": ""}, "network_name", "not_blank"),
        ("ProfessionalNetwork", {"member_id": ""}, "member_id", "not_blank"),
        ("Relationship", {"end_date": "2019-12-31"}, "end_date", "before_start"),
        (
            "Relationship",
            {"other_person_id": "0" * 8 + "-0000-0000-0000-" + "0" * 12},
            "other_person_id",
            "reserved_id",
        ),
        ("Relationship", {"last_interaction": "2025-12-01"}, "last_interaction", "instant"),
        ("BehavioralData", {"purchase_behavior": None}, "purchase_behavior", "missing"),
        (
            "CommunicationPreferences",
            {"best_time_to_contact": {"timezone": "Europe/London", "hours": {"start": 22, "end": 7}}},
            "best_time_to_contact.hours",
            "hour_range",
        ),
        (
            "CommunicationPreferences",
            {"do_not_disturb_hours": {"timezone": "Europe/London", "hours": {"start": 7, "end": 7}}},
            "do_not_disturb_hours.hours",
            "hour_range",
        ),
        ("Tag", {"label": " "}, "label", "not_blank"),
        ("CustomAttribute", {"name": ""}, "name", "not_blank"),
        ("CustomAttribute", {"value": None}, "value", "missing"),
        ("GitProfile", {"username": ""}, "username", "not_blank"),
        ("GitProfile", {"contributions": -1}, "contributions", "count"),
        ("GitProfile", {"languages": [{"language": "Rust", "share": 101}]}, "languages.0.share", "share"),
    ],
)
def test_every_further_rule_names_its_field(component_type: str, changes: Any, field: str, rule: str) -> None:
    assert refused_by(component_type, with_change(component_type, **changes)) == (field, rule)


def test_keys_of_free_maps_are_not_named() -> None:
    for component_type, data in (
        ("GeneralPreferences", with_change("GeneralPreferences", custom_preferences={"ada": "\x00"})),
        ("CustomAttribute", with_change("CustomAttribute", value={"ada": {"grace": "\x00"}})),
        ("CustomerSegment", with_change("CustomerSegment", custom_segments={"ada": 1})),
    ):
        with pytest.raises(Refused) as refused:
            command("AddComponent", {"component_type": component_type, "data": data})
        assert "ada" not in str(refused.value.facts)


def test_what_is_left_out_of_privacy_preferences_has_the_most_private_value() -> None:
    assert plain_members(COMPONENT_TYPES["PrivacyPreferences"].admit({})) == {
        "data_sharing": {
            "allow_analytics": False,
            "allow_marketing": False,
            "allow_third_party_sharing": False,
            "allow_profiling": False,
            "share_with_partners": [],
        },
        "visibility": {"profile": "Private", "contact_info": "Nobody", "activity": "Private"},
        "data_retention": "MinimumRequired",
    }


@pytest.mark.parametrize(("alias", "name"), [("Email", "EmailAddress"), ("Phone", "PhoneNumber")])
def test_an_alias_is_read_and_never_taken_from_a_client(alias: str, name: str) -> None:
    sample = SAMPLES[name]
    assert true_type(alias) == name
    assert stored_data(alias, sample) == COMPONENT_TYPES[name].admit(sample)
    with pytest.raises(Refused) as refused:
        command("AddComponent", {"component_type": alias, "data": sample})
    assert refused.value.facts == {"field": "data.component_type", "rule": "component_type"}


@pytest.mark.parametrize("component_type", sorted(COMPONENT_TYPES.keys() - {"BehavioralData"}))
def test_a_component_of_every_type_is_added_and_only_once(component_type: str) -> None:
    asked = {"component_type": component_type, "data": SAMPLES[component_type]}
    first = given(created()).when("AddComponent", asked)
    (event,) = first.events
    assert isinstance(event.data, ComponentAdded)
    person = first.then(event.data)
    (held,) = person.components.values()
    assert held.data == COMPONENT_TYPES[component_type].admit(SAMPLES[component_type])
    again = given(person).when("AddComponent", asked, id=uuid("again"))
    again.then_refused("component_exists", component_id=held.component_id)


def test_changing_one_component_never_rewrites_another() -> None:
    past = [
        ComponentAdded(
            component_id=uuid(name), component_type=name, component_data=model.admit(SAMPLES[name]), is_primary=True
        )
        for name, model in COMPONENT_TYPES.items()
    ]
    person = given(created(), *past).person
    for name in COMPONENT_TYPES:
        asked = {"component_id": uuid(name), "component_type": name, "changes": CHANGES[name]}
        changed = given(person).when("UpdateComponent", asked)
        (event,) = changed.events
        assert isinstance(event.data, ComponentUpdated)
        after = changed.then(event.data).components
        assert after[uuid(name)] != person.components[uuid(name)]
        assert all(after[key] is held for key, held in person.components.items() if key != uuid(name))
        removed = given(person).when("RemoveComponent", {"component_id": uuid(name), "component_type": name})
        left = removed.then(ComponentRemoved(component_id=uuid(name), component_type=name)).components
        assert all(left[key] is held for key, held in person.components.items() if key != uuid(name))


CHANGES: dict[str, dict[str, Any]] = {
    name: {
        field: None
        for field, info in model.model_fields.items()
        if not info.is_required() and field not in model.derived_fields
    }
    or {"value": 1}
    for name, model in COMPONENT_TYPES.items()
}


def test_a_redacted_component_reads_as_redacted_in_every_type() -> None:
    for name, model in COMPONENT_TYPES.items():
        mark = {"$redacted": model.group}
        assert stored_data(name, mark) == Redacted.restore(mark)


def test_a_relationship_points_to_a_person() -> None:
    assert COMPONENT_TYPES["Relationship"].admit(SAMPLES["Relationship"]).natural_key() == (OTHER_PERSON, "Colleague")
