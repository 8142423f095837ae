"""Titles and attributes: awarded, revoked, recorded, superseded, invalidated."""

from datetime import date
from typing import Any

import pytest

from domain.event_data.identity import AttributeInvalidated, AttributeRecorded, TitleAwarded, TitleRevoked
from domain.ids import derive
from domain.personal import Redacted
from domain.refusals import Refused
from domain.values.attribute import AttributeProvenance, observe_at
from domain.values.attribute_value import LengthValue, MassValue
from tests.domain.specification import GRACE, command, created, given, uuid

TITLE, ATTRIBUTE, OTHER = uuid("title"), uuid("attribute"), uuid("other attribute")
COUNTESS = TitleAwarded(title_id=TITLE, title="Countess", title_type="Noble", awarded_date=date(1838, 6, 30))
AWARD = {"title": "Countess", "title_type": "Noble", "awarded_date": "1838-06-30"}
MEASURED = AttributeProvenance(source="Measured", confidence="Certain")
PROVENANCE = {"source": "Measured", "confidence": "Certain"}


def attribute(attribute_id: str = ATTRIBUTE, metres: float = 1.65, **fields: Any) -> AttributeRecorded:
    return AttributeRecorded(
        attribute_id=attribute_id,
        attribute_type="Physical",
        name="height",
        value=LengthValue(type="Length", value=metres),
        provenance=MEASURED,
        **fields,
    )


def observed(metres: float = 1.65, **fields: Any) -> dict[str, Any]:
    value = {"type": "Length", "value": metres}
    return {"attribute_type": "Physical", "name": "height", "value": value, "provenance": PROVENANCE, **fields}


def test_a_title_is_awarded_under_an_id_of_its_own() -> None:
    title_id = derive(uuid("command AwardTitle"), "title")
    person = given(created()).when("AwardTitle", AWARD).then(COUNTESS.model_copy(update={"title_id": title_id}))
    assert person.titles[title_id].title == "Countess"
    data = {**AWARD, "title_id": TITLE, "expiry_date": "1838-06-30", "issuing_authority": "The Crown"}
    expected = COUNTESS.model_copy(update={"expiry_date": date(1838, 6, 30), "issuing_authority": "The Crown"})
    assert given(created()).when("AwardTitle", data).then(expected).titles[TITLE].issuing_authority == "The Crown"


def test_a_title_does_not_expire_before_it_is_awarded() -> None:
    data = {**AWARD, "expiry_date": "1838-06-29"}
    given(created()).when("AwardTitle", data).then_refused("invalid_date", field="expiry_date")


def test_a_title_that_is_held_is_not_awarded_again() -> None:
    given(created(), COUNTESS).when("AwardTitle", AWARD).then_refused("no_change")
    given(created(), COUNTESS).when("AwardTitle", {**AWARD, "title": "Dr", "title_id": TITLE}).then_refused("no_change")
    assert given(created(), COUNTESS).when("AwardTitle", {**AWARD, "awarded_date": "1840-01-01"}).events
    revoked = TitleRevoked(title_id=TITLE, revoked_date=date(1850, 1, 1))
    assert given(created(), COUNTESS, revoked).when("AwardTitle", AWARD).events


def test_a_revoked_title_stays_with_its_day() -> None:
    data = {"title_id": TITLE, "revoked_date": "1850-01-01", "revocation_reason": "abdication"}
    expected = TitleRevoked(title_id=TITLE, revoked_date=date(1850, 1, 1), revocation_reason="abdication")
    person = given(created(), COUNTESS).when("RevokeTitle", data).then(expected)
    assert not person.titles[TITLE].is_valid_on(date(1850, 1, 1))
    assert person.titles[TITLE].is_valid_on(date(1849, 12, 31))
    given(person).when("RevokeTitle", data, id=uuid("again")).then_refused("no_change")
    other_day = given(person).when("RevokeTitle", {**data, "revoked_date": "1851-01-01"}, id=uuid("corrected"))
    assert other_day.events


def test_only_a_title_of_the_person_is_revoked() -> None:
    asked = {"title_id": GRACE, "revoked_date": "1850-01-01"}
    given(created(), COUNTESS).when("RevokeTitle", asked).then_refused("title_not_found", title_id=GRACE)


def test_a_title_is_valid_from_its_award_to_its_expiry() -> None:
    person = given(created(), COUNTESS.model_copy(update={"expiry_date": date(1840, 1, 1)})).person
    title = person.titles[TITLE]
    days = [date(1838, 6, 29), date(1838, 6, 30), date(1840, 1, 1), date(1840, 1, 2)]
    assert [title.is_valid_on(day) for day in days] == [False, True, True, False]
    unknown = given(created(), COUNTESS.model_copy(update={"awarded_date": None})).person
    assert unknown.titles[TITLE].is_valid_on(date(1, 1, 1))


def test_an_attribute_is_recorded_with_its_value_and_origin() -> None:
    attribute_id = derive(uuid("command RecordAttribute"), "attribute")
    person = given(created()).when("RecordAttribute", {"attribute": observed()}).then(attribute(attribute_id))
    held = person.attributes[attribute_id]
    assert (held.value, held.provenance) == (LengthValue(type="Length", value=1.65), MEASURED)


def test_an_attribute_supersedes_the_one_it_replaces() -> None:
    data = {"attribute": observed(1.66, attribute_id=OTHER, valid_from="2025-06-01"), "replaces": ATTRIBUTE}
    expected = attribute(OTHER, 1.66, valid_from=date(2025, 6, 1), replaces=ATTRIBUTE)
    person = given(created(), attribute()).when("RecordAttribute", data).then(expected)
    assert person.attributes[ATTRIBUTE].valid_until == date(2025, 6, 1)
    assert [held.attribute_id for held in observe_at(person.attributes.values(), date(2025, 6, 2))] == [OTHER]
    assert [held.attribute_id for held in observe_at(person.attributes.values(), date(2025, 5, 31))] == [ATTRIBUTE]


def test_an_attribute_without_a_beginning_supersedes_on_the_day_of_the_event() -> None:
    data = {"attribute": observed(1.66, attribute_id=OTHER), "replaces": ATTRIBUTE}
    specification = given(created(), attribute()).when("RecordAttribute", data)
    person = specification.then(attribute(OTHER, 1.66, replaces=ATTRIBUTE))
    assert person.attributes[ATTRIBUTE].valid_until == date(2026, 1, 5)


@pytest.mark.parametrize(
    ("data", "code", "facts"),
    [
        ({"attribute": observed(), "replaces": GRACE}, "attribute_not_found", {"attribute_id": GRACE}),
        (
            {"attribute": observed(valid_from="2025-01-02", valid_until="2025-01-01")},
            "invalid_date",
            {"field": "attribute.valid_until"},
        ),
        (
            {"attribute": observed(valid_from="2024-12-31"), "replaces": ATTRIBUTE},
            "invalid_date",
            {"rule": "not_before_replaced"},
        ),
        ({"attribute": observed(attribute_id=ATTRIBUTE)}, "no_change", {}),
    ],
)
def test_an_attribute_is_refused_in_the_order_of_its_guards(data: Any, code: Any, facts: Any) -> None:
    past = (created(), attribute(valid_from=date(2025, 1, 1)))
    given(*past).when("RecordAttribute", data).then_refused(code, **facts)


def test_an_unknown_replaced_attribute_comes_before_a_bad_date() -> None:
    data = {"attribute": observed(valid_from="2025-01-02", valid_until="2025-01-01"), "replaces": GRACE}
    given(created()).when("RecordAttribute", data).then_refused("attribute_not_found")


def test_an_invalidated_attribute_stays_with_its_last_day() -> None:
    data = {"attribute_id": ATTRIBUTE, "valid_until": "2025-12-31", "reason": "measured wrongly"}
    expected = AttributeInvalidated(attribute_id=ATTRIBUTE, valid_until=date(2025, 12, 31), reason="measured wrongly")
    person = given(created(), attribute()).when("InvalidateAttribute", data).then(expected)
    assert person.attributes[ATTRIBUTE].valid_until == date(2025, 12, 31)
    given(person).when("InvalidateAttribute", data, id=uuid("again")).then_refused("no_change")


def test_only_a_held_attribute_is_invalidated_and_not_before_it_begins() -> None:
    past = (created(), attribute(valid_from=date(2025, 1, 1)))
    unknown = {"attribute_id": GRACE, "valid_until": "2025-12-31"}
    given(*past).when("InvalidateAttribute", unknown).then_refused("attribute_not_found", attribute_id=GRACE)
    early = {"attribute_id": ATTRIBUTE, "valid_until": "2024-12-31"}
    given(*past).when("InvalidateAttribute", early).then_refused("invalid_date", field="valid_until")


def test_what_is_hidden_of_a_title_or_attribute_does_not_stand_in_the_way() -> None:
    hidden = Redacted(**{"$redacted": "identity"})
    title = TitleAwarded(title_id=TITLE, title=hidden, title_type="Noble", awarded_date=hidden)
    person = given(created(), title, attribute().model_copy(update={"value": hidden})).person
    assert person.attributes[ATTRIBUTE].value == hidden
    assert person.titles[TITLE].is_valid_on(date(1, 1, 1))
    assert given(person).when("AwardTitle", AWARD).events


@pytest.mark.parametrize(
    ("name", "data", "field", "rule"),
    [
        ("AwardTitle", {**AWARD, "title": " "}, "data.title", "label_length"),
        ("AwardTitle", {**AWARD, "title": "x" * 201}, "data.title", "label_length"),
        ("AwardTitle", {**AWARD, "title_type": "Fancy"}, "data.title_type", "literal_error"),
        ("AwardTitle", {**AWARD, "awarded_date": "soon"}, "data.awarded_date", "date"),
        ("AwardTitle", {**AWARD, "title_id": "0" * 8 + "-0000-0000-0000-" + "0" * 12}, "data.title_id", "reserved_id"),
        ("AwardTitle", {**AWARD, "revoked_date": "2020-01-01"}, "data.revoked_date", "extra_forbidden"),
        ("RevokeTitle", {"title_id": TITLE}, "data.revoked_date", "missing"),
        ("RecordAttribute", {"attribute": {**observed(), "name": ""}}, "data.attribute.name", "label_length"),
        (
            "RecordAttribute",
            {"attribute": observed(provenance={**PROVENANCE, "recorded_by": "ada@example.org"})},
            "data.attribute.provenance.recorded_by",
            "foreign_id",
        ),
    ],
)
def test_a_bad_field_is_named_with_its_rule(name: Any, data: Any, field: Any, rule: Any) -> None:
    with pytest.raises(Refused) as refused:
        command(name, data)
    assert refused.value.facts == {"field": field, "rule": rule}


def test_a_measure_has_one_spelling() -> None:
    value = {"type": "Mass", "value": 60.0}
    (event,) = given(created()).when("RecordAttribute", {"attribute": {**observed(), "value": value}}).events
    assert isinstance(event.data, AttributeRecorded)
    assert event.data.value == MassValue(type="Mass", value=60)
