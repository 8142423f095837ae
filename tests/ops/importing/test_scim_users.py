"""Users of SCIM 2.0 become plans of commands."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from domain.commands import Command
from ops.importing.plan import ImportSourceError, PlannedCommand, PlannedPerson, Rejected
from ops.importing.scim_users import plan_scim

EXAMPLES = Path(__file__).parents[3] / "examples"
SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
Plan = Callable[..., list[Any]]


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    def plan_users(*users: Any, text: str | None = None, since: date | None = None, system: str = "scim") -> Any:
        file = tmp_path / "users.json"
        file.write_text(text if text is not None else json.dumps({"Resources": users}))
        return list(plan_scim(file, system, since))

    return plan_users


def ada(**attributes: Any) -> dict[str, Any]:
    name = {"givenName": "Ada", "familyName": "Lovelace"}
    return {"schemas": [SCHEMA], "userName": "ada", "externalId": "E-1", "name": name, **attributes}


def added(person: Any) -> list[tuple[str, dict[str, Any]]]:
    return [(command.data["component_type"], command.data["data"]) for command in person.commands[1:]]


def test_a_user_becomes_a_person_with_components(plan: Plan) -> None:
    person, *_ = list(plan_scim(EXAMPLES / "users.scim.json", "corporate", None))
    assert isinstance(person, PlannedPerson)
    assert (person.source_ref, person.active, person.is_authority) == ("users.scim.json:1", True, True)
    assert person.commands[0].data == {
        "name": {
            "given_names": ["Barbara"],
            "middle_names": ["Jane"],
            "family_names": ["Esempio"],
            "honorific": "Dr",
            "preferred_form": "Babs",
            "naming_convention": "Western",
        },
        "source": "import",
        "source_system": "corporate",
    }
    assert added(person) == [
        ("EmailAddress", {"email": {"address": "barbara.esempio@example.org"}, "email_type": "Work"}),
        ("EmailAddress", {"email": {"address": "babs@example.com"}, "email_type": "Personal"}),
        ("PhoneNumber", {"phone": {"number": "+12015550123"}, "phone_type": "Work"}),
        ("PhoneNumber", {"phone": {"number": "+390655500124"}, "phone_type": "Mobile"}),
        (
            "Address",
            {
                "address_type": "Business",
                "address": {
                    "street1": "100 Universal City Plaza",
                    "street2": "Suite 5",
                    "city": "Hollywood",
                    "state_province": "CA",
                    "postal_code": "91608",
                    "country": "United States",
                    "country_code": "US",
                },
            },
        ),
        (
            "Employment",
            {
                "company": "Example Studios",
                "position": "Tour Guide",
                "employment_type": "Other",
                "start_date": "2020-01-23",
                "is_current": True,
                "department": "Tours",
            },
        ),
        (
            "CommunicationPreferences",
            {
                "preferred_language": "en-US",
                "secondary_languages": ["it"],
                "contact_frequency": "OnlyImportant",
                "email_format": "Both",
            },
        ),
    ]
    assert person.commands[1].data["is_primary"] is True


def test_the_edge_reads_every_command_of_the_example(read_at_edge: Callable[[PlannedCommand], Command]) -> None:
    people = list(plan_scim(EXAMPLES / "users.scim.json", "corporate", None))
    assert [person.active for person in people if isinstance(person, PlannedPerson)] == [True, True, False, None]
    for person in people:
        assert isinstance(person, PlannedPerson), person
        for planned in person.commands:
            assert read_at_edge(planned).id == planned.command_id


def test_a_list_a_response_one_user_and_lines_are_read_alike(plan: Plan) -> None:
    grace = ada(externalId="E-2", name={"formatted": "Grace Hopper"})
    response = plan(ada(), grace)
    assert len(response) == 2
    for text in (json.dumps([ada(), grace]), f"{json.dumps(ada())}\n\n{json.dumps(grace)}\n"):
        people = plan(text=text)
        assert [person.commands for person in people] == [person.commands for person in response]
    assert [person.commands for person in plan(text=json.dumps(ada()))] == [response[0].commands]


def test_names_of_attributes_have_no_case(plan: Plan) -> None:
    [person] = plan({"USERNAME": "ada", "Name": {"GivenName": "Ada"}, "EMAILS": [{"VALUE": "ada@example.org"}]})
    assert added(person) == [("EmailAddress", {"email": {"address": "ada@example.org"}, "email_type": "Other"})]


def test_ids_rest_on_the_external_id_within_its_system(plan: Plan) -> None:
    [person] = plan(ada(id="1"))
    [renamed] = plan(ada(id="2", userName="countess", name={"familyName": "King"}))
    [elsewhere] = plan(ada(id="1"), system="other")
    assert person.commands[0].person_id == renamed.commands[0].person_id
    assert person.commands[0].command_id != renamed.commands[0].command_id
    assert person.commands[0].person_id != elsewhere.commands[0].person_id


def test_an_employment_needs_a_first_day_from_somewhere(plan: Plan) -> None:
    user = ada(title="Programmer", **{ENTERPRISE: {"organization": "Engines"}})
    person, rejected = plan(user)
    assert added(person) == []
    assert rejected.reason == "employment.start_date: unknown; --employed-since names one"
    [person] = plan(user, since=date(2020, 1, 1))
    assert added(person)[0][1]["start_date"] == "2020-01-01"
    [person] = plan({**user, "meta": {"created": "2019-05-06T07:08:09Z"}}, since=date(2020, 1, 1))
    assert added(person)[0][1]["start_date"] == "2019-05-06"
    _, rejected = plan(ada(title="Programmer"), since=date(2020, 1, 1))
    assert rejected.reason == "employment.company: missing"


@pytest.mark.parametrize(
    ("user", "reason"),
    [
        ({"name": {"givenName": "Ada"}}, "externalId: missing, and neither id nor userName is there"),
        (ada(name={}, userName="ada@example.org"), "name: missing"),
        (ada(name={"givenName": "4711"}), "name.given_names: name_part_letter"),
        (ada(name="Ada"), "name: object"),
        (ada(active="perhaps"), "active: bool_type"),
        (ada(schemas=["urn:ietf:params:scim:schemas:core:2.0:Group"]), "schemas: not a SCIM 2.0 user"),
        ("ada", "user: object"),
        (ada(emails=[{"value": "ada"}]), "emails.email.address: email_at_sign"),
        (ada(emails=[{"value": 7}]), "emails.value: string_type"),
        (ada(phoneNumbers=[{"value": "030 123"}]), "phonenumbers.phone: phone_country_missing"),
        (ada(addresses=[{"country": "Atlantis"}]), "addresses.country: unknown"),
        (ada(addresses=[{"country": "GB", "streetAddress": "x"}]), "addresses.address.city: not_blank"),
        (ada(preferredLanguage="English please"), "preferredLanguage.preferred_language: language_tag"),
        (ada(profileUrl="/users/ada"), "profileUrl.url: url"),
    ],
)
def test_what_does_not_fit_is_left_out_with_its_rule(plan: Plan, user: Any, reason: str) -> None:
    rejected = [entry for entry in plan(user) if isinstance(entry, Rejected)]
    assert [(entry.reason, entry.line) for entry in rejected] == [(reason, 1)]


@pytest.mark.parametrize("text", ["", "7", '{"schemas": []}', '{"userName": "ada"', "[1", "not json\nat all"])
def test_a_file_without_users_is_told_at_once(plan: Plan, text: str) -> None:
    with pytest.raises(ImportSourceError):
        plan(text=text)


def test_a_broken_line_stops_no_other(plan: Plan) -> None:
    entries = plan(text=f"{json.dumps(ada())}\n{{oops\n{json.dumps(ada(externalId='E-2'))}\n")
    assert [isinstance(entry, PlannedPerson) for entry in entries] == [True, False, True]
    assert entries[1] == Rejected("users.json:2", "user: json", 2)
