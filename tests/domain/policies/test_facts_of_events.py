"""Facts say what no row shows, of an event or a command and of the person around it."""

from typing import Any

import pytest

from domain.components.email_address import EmailAddressComponent
from domain.components.phone_number import PhoneNumberComponent
from domain.components.skill import SkillComponent
from domain.event_data.component import ComponentAdded, ComponentUpdated
from domain.event_data.identity import NameUpdated
from domain.event_data.lifecycle import PersonSuspended
from domain.event_data.privacy import ConsentRecorded
from domain.personal import Redacted
from domain.policies.facts import FACTS, UNREMARKABLE, facts_of
from domain.values.person_name import PersonName
from tests.domain.specification import admitted, command, created, person_after, uuid


def added(component_type: str, data: Any, key: str = "a") -> ComponentAdded:
    return ComponentAdded(component_id=uuid(key), component_type=component_type, component_data=data)


def facts(*past: Any) -> dict[str, Any]:
    """The facts of the last event."""
    found = facts_of(past[-1], person_after(created(), *past))
    assert set(found) <= set(FACTS)
    return found


MAIL = admitted(EmailAddressComponent, email={"address": "ada@example.org"})
PHONE = admitted(PhoneNumberComponent, phone={"number": "+4930123456"})


@pytest.mark.parametrize(
    ("component_type", "data", "mail", "phone"),
    [
        ("EmailAddress", MAIL, True, True),
        ("EmailAddress", {"mail": "raw"}, False, True),
        ("Email", {"mail": "raw"}, False, True),
        ("EmailAddress", EmailAddressComponent.restore({"email": {"address": "ada at home"}}), False, True),
        ("EmailAddress", Redacted.model_construct(group="contact"), True, True),
        ("PhoneNumber", PHONE, True, True),
        ("PhoneNumber", {"number": 12}, True, False),
        ("PhoneNumber", PhoneNumberComponent.restore({"phone": {"number": "12"}}), True, False),
        ("Skill", {"raw": True}, True, True),
    ],
)
def test_a_mailbox_or_line_that_breaks_the_rules_of_today_is_told(
    component_type: str, data: Any, mail: bool, phone: bool
) -> None:
    found = facts(added(component_type, data))
    assert (found["email_valid"], found["phone_valid"]) == (mail, phone)


def test_an_update_is_judged_by_what_the_component_is_then() -> None:
    update = ComponentUpdated(component_id=uuid("a"), changes={"email_type": "Work"})
    assert facts(added("EmailAddress", {"mail": "raw"}), update)["email_valid"] is False
    assert facts(added("EmailAddress", MAIL), update)["email_valid"] is True


@pytest.mark.parametrize(
    ("name", "shortest", "convention"),
    [
        (PersonName(given_names=("A",), family_names=("Lovelace",)), 1, "Western"),
        (PersonName(given_names=("Ada",), family_names=("Lovelace",)), 3, "Western"),
        (PersonName(given_names=("明",), family_names=("李",), naming_convention="EastAsian"), 1, "EastAsian"),
        (PersonName(given_names=("\u0065\u0301",), family_names=("Lovelace",)), 1, "Western"),
    ],
)
def test_names_are_measured_as_a_reader_counts(name: PersonName, shortest: int, convention: str) -> None:
    found = facts(NameUpdated(new_name=name))
    assert (found["name_shortest_part"], found["name_convention"]) == (shortest, convention)


def test_a_name_that_cannot_be_read_has_no_facts() -> None:
    found = facts(NameUpdated(new_name=Redacted.model_construct(group="identity")))
    assert not {"name_shortest_part", "name_convention"} & set(found)


def test_components_of_the_same_type_and_consents_are_counted() -> None:
    skill = admitted(SkillComponent, name="Rust", category="Programming", proficiency="Expert")
    other = admitted(SkillComponent, name="Go", category="Programming", proficiency="Expert")
    granted = ConsentRecorded(consent_type="marketing", granted=True, terms_version="1")
    withdrawn = ConsentRecorded(consent_type="analytics", granted=False, terms_version="1")
    found = facts(
        granted, withdrawn, added("EmailAddress", MAIL, "m"), added("Skill", skill), added("Skill", other, "b")
    )
    assert (found["same_type_count"], found["granted"]) == (2, ["marketing"])


def test_what_carries_nothing_is_unremarkable() -> None:
    found = facts(PersonSuspended(reason="away"))
    assert {name: found[name] for name in UNREMARKABLE} == UNREMARKABLE


def test_a_command_has_facts_on_the_person_that_it_meets() -> None:
    asked = command("AddComponent", {"component_type": "EmailAddress", "data": {"email": {"address": "a@example.org"}}})
    found = facts_of(asked.data, person_after(created(), added("EmailAddress", MAIL)))
    assert (found["email_valid"], found["same_type_count"], found["name_convention"]) == (True, 1, "Western")
