"""For a person that is held already only the differences are sent."""

from typing import Any

import pytest

from ops.importing.commands import add_component, create_person, place_component, update_component
from ops.importing.differences import of_held, of_new
from ops.importing.plan import PlannedPerson

BASE = "import:test:7"
NAME = {"given_names": ["Ada"], "family_names": ["Lovelace"], "naming_convention": "Western"}
MAIL = {"email": {"address": "Ada@Example.org"}, "email_type": "Work"}
SKILL = {"name": "Rust", "category": "Other", "proficiency": "Expert"}


def planned(
    *, name: Any = NAME, mail: Any = MAIL, active: bool | None = None, is_authority: bool = True, **said: Any
) -> Any:
    create = create_person(BASE, BASE, {"name": name, "source": "import", **said})
    parts = [
        place_component(BASE, "work", create.person_id, "EmailAddress", mail),
        place_component(BASE, "list", create.person_id, "Skill", SKILL),
    ]
    return PlannedPerson("people.csv:2", (create, *parts), active=active, is_authority=is_authority)


def held(person: PlannedPerson, status: str = "Active", **changes: Any) -> dict[str, Any]:
    """The person as get_by_id shows it after the plan was carried out."""
    create, mail, skill = person.commands
    address = {"email": {"address": "ada@example.org"}, "email_type": "Work"}
    flags = {"can_receive_notifications": True, "can_receive_marketing": False}
    parts = [
        {**mail.data, "data": {**address, **flags}},
        {**skill.data, "data": {**SKILL, "endorsements": [], "certifications": [], "projects": []}},
    ]
    return {
        "person_id": create.person_id,
        "version": 3,
        "status": status,
        "name": {**NAME, "middle_names": []},
        "birth_date": None,
        "components": parts,
        **changes,
    }


def sent(person: PlannedPerson, state: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(command.type.removeprefix("person.commands."), command.data) for command in of_held(person, state)]


def test_nothing_is_sent_for_a_person_that_is_as_the_source_says() -> None:
    for active in (None, True):
        person = planned(active=active)
        assert sent(person, held(person)) == []
    person = planned(active=False)
    assert sent(person, held(person, "Suspended")) == []


def test_a_changed_field_is_sent_alone_and_what_the_source_does_not_mention_stays() -> None:
    before = planned()
    after = planned(mail={"email": {"address": "countess@example.org"}, "email_type": "Work"})
    mail_id = before.commands[1].data["component_id"]
    changes = {"email": {"address": "countess@example.org"}}
    expected = {"component_id": mail_id, "component_type": "EmailAddress", "changes": changes}
    assert sent(after, held(before)) == [("component.update", expected)]


def test_a_name_and_a_birth_date_are_sent_apart() -> None:
    person = planned(name={**NAME, "family_names": ["King"]}, birth_date="1985-12-10")
    assert sent(person, held(person)) == [
        ("update", {"name": {**NAME, "family_names": ["King"]}}),
        ("update", {"birth_date": "1985-12-10"}),
    ]


def test_a_missing_component_is_added_unless_another_has_its_key() -> None:
    person = planned()
    state = held(person)
    mail, skill = state["components"]
    [(kind, data)] = sent(person, {**state, "components": [mail]})
    assert (kind, data) == ("component.add", person.commands[2].data)
    entered = {**skill, "component_id": "entered by hand", "data": {**skill["data"], "name": "RUST"}}
    assert sent(person, {**state, "components": [mail, entered]}) == []


def test_a_source_that_is_no_authority_only_adds() -> None:
    person = planned(
        name={**NAME, "family_names": ["King"]}, mail={"email": {"address": "new@example.org"}}, is_authority=False
    )
    assert sent(person, held(person)) == []


def test_a_person_is_suspended_and_reactivated_as_the_source_says() -> None:
    person = planned(active=False)
    assert [kind for kind, _ in sent(person, held(person))] == ["lifecycle.suspend"]
    assert [command.type for command in of_new(person)][-1] == "person.commands.lifecycle.suspend"
    person = planned(active=True)
    assert [kind for kind, _ in sent(person, held(person, "Suspended"))] == ["lifecycle.reactivate"]
    assert len(of_new(person)) == 2


@pytest.mark.parametrize(("lines", "kinds"), [(3, []), (4, ["component.update"])])
def test_a_profile_that_grew_is_renewed(lines: int, kinds: list[str]) -> None:
    create = create_person(BASE, BASE, {"name": NAME, "source": "git"})
    profile = add_component(BASE, 0, create.person_id, "GitProfile", {"username": "ada", "provider": "Other"})
    update = update_component(f"{BASE}:x", profile, {"languages": [{"language": "Rust", "lines": lines}]})
    state = held(planned(), components=[{**profile.data, "data": {"languages": [{"language": "Rust", "lines": 3}]}}])
    assert [kind for kind, _ in sent(PlannedPerson("sha", (create, profile, update)), state)] == kinds


def test_a_difference_has_one_id_at_one_version_and_another_at_the_next() -> None:
    person = planned(name={**NAME, "family_names": ["King"]})
    ids = [of_held(person, held(person, version=version))[0].command_id for version in (3, 3, 4)]
    assert ids[0] == ids[1] != ids[2]
