"""Links to identities, locations, organizations and agents."""

from datetime import date
from typing import Any

import pytest

from domain.event_data.identity import IdentityLinked, IdentityUnlinked, IdentityVerificationChanged
from domain.event_data.relationship import (
    AgentAssigned,
    AgentUnassigned,
    EmploymentAdded,
    EmploymentEnded,
    EmploymentRoleChanged,
    LocationAssigned,
    LocationRemoved,
)
from domain.evolve import evolve
from domain.ids import derive
from domain.personal import Redacted
from domain.refusals import Refused
from domain.relations import location_key
from tests.domain.specification import GRACE, NOW, command, created, given, person_after, recorded, uuid

HIDDEN = Redacted(**{"$redacted": "profile"})
LINKED = IdentityLinked(identity_id="i-1", identity_type="passport", verification_level="Document")
HOME = LocationAssigned(location_id="l-1", location_type="Residence", is_primary=True)
FIRST, SECOND, THIRD = sorted((uuid("post 1"), uuid("post 2"), uuid("post 3")))
SHARED = AgentAssigned(agent_id="a-1", agent_type="assistant", assignment="Shared", permissions=("person.read",))


def post(employment_id: str = FIRST, role: Any = "Analyst", **fields: Any) -> EmploymentAdded:
    return EmploymentAdded(employment_id=employment_id, organization_id="o-1", role=role, **fields)


# Identities


def test_an_identity_is_linked_once() -> None:
    data = {"identity_id": "i-1", "identity_type": "passport", "verification_level": "Document"}
    person = given(created()).when("LinkIdentity", data).then(LINKED)
    assert (person.identities["i-1"].verification_level, person.identities["i-1"].linked_at) == ("Document", NOW)
    given(person).when("LinkIdentity", data, id=uuid("again")).then_refused("relation_exists")


def test_an_identity_is_unverified_until_somebody_says_otherwise() -> None:
    data = {"identity_id": "i-1", "identity_type": "passport"}
    given(created()).when("LinkIdentity", data).then(IdentityLinked(identity_id="i-1", identity_type="passport"))


def test_a_linked_identity_is_unlinked() -> None:
    data = {"identity_id": "i-1", "reason": "expired"}
    unlinked = IdentityUnlinked(identity_id="i-1", reason="expired")
    assert not given(created(), LINKED).when("UnlinkIdentity", data).then(unlinked).identities
    given(created()).when("UnlinkIdentity", data).then_refused("relation_not_found")


def test_the_level_of_a_linked_identity_changes() -> None:
    data = {"identity_id": "i-1", "verification_level": "Unverified"}
    changed = IdentityVerificationChanged(identity_id="i-1", verification_level="Unverified")
    person = given(created(), LINKED).when("RecordIdentityVerification", data).then(changed)
    assert person.identities["i-1"].verification_level == "Unverified"
    given(person).when("RecordIdentityVerification", data, id=uuid("again")).then_refused("no_change")
    given(created()).when("RecordIdentityVerification", data).then_refused("relation_not_found")


# Locations


def test_a_place_serves_several_uses_and_one_place_is_primary() -> None:
    data = {"location_id": "l-1", "location_type": "Work", "is_primary": True, "start_date": "2026-01-01"}
    expected = LocationAssigned(location_id="l-1", location_type="Work", is_primary=True, start_date=date(2026, 1, 1))
    person = given(created(), HOME).when("AssignLocation", data).then(expected)
    assert {key: place.is_primary for key, place in person.locations.items()} == {
        location_key("l-1", "Residence"): False,
        location_key("l-1", "Work"): True,
    }
    given(person).when("AssignLocation", data, id=uuid("again")).then_refused("relation_exists")


def test_a_place_that_is_not_primary_leaves_the_primary_alone() -> None:
    data = {"location_id": "l-2", "location_type": "Residence"}
    expected = LocationAssigned(location_id="l-2", location_type="Residence")
    person = given(created(), HOME).when("AssignLocation", data).then(expected)
    assert [place.location_id for place in person.locations.values() if place.is_primary] == ["l-1"]


def test_a_place_is_removed_from_one_use_or_from_all() -> None:
    work = LocationAssigned(location_id="l-1", location_type="Work")
    past = (created(), HOME, work, LocationAssigned(location_id="l-2", location_type="Work"))
    one = {"location_id": "l-1", "location_type": "Work", "end_date": "2026-01-01", "reason": "moved"}
    removed = LocationRemoved(location_id="l-1", location_type="Work", end_date=date(2026, 1, 1), reason="moved")
    person = given(*past).when("RemoveLocation", one).then(removed)
    assert sorted(person.locations) == ["Residence:l-1", "Work:l-2"]
    everywhere = given(*past).when("RemoveLocation", {"location_id": "l-1"}).then(LocationRemoved(location_id="l-1"))
    assert list(everywhere.locations) == ["Work:l-2"]


@pytest.mark.parametrize("asked", [{"location_id": "l-9"}, {"location_id": "l-1", "location_type": "Mailing"}])
def test_only_a_place_of_the_person_is_removed(asked: Any) -> None:
    given(created(), HOME).when("RemoveLocation", asked).then_refused("relation_not_found")


# Employments


def test_a_post_is_added_under_an_id_of_its_own() -> None:
    data = {"organization_id": "o-1", "role": "Analyst", "employment_type": "FullTime", "department_id": "d-1"}
    employment_id = derive(uuid("command AddEmployment"), "employment")
    expected = post(employment_id, employment_type="FullTime", department_id="d-1")
    person = given(created()).when("AddEmployment", data).then(expected)
    assert person.employments[employment_id].is_open


def test_one_post_is_primary() -> None:
    data = {"employment_id": SECOND, "organization_id": "o-1", "role": "Author", "is_primary": True}
    person = (
        given(created(), post(is_primary=True))
        .when("AddEmployment", data)
        .then(post(SECOND, "Author", is_primary=True))
    )
    assert [held.employment_id for held in person.employments.values() if held.is_primary] == [SECOND]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"role": "Analyst", "start_date": "2026-01-02", "end_date": "2026-01-01"}, "invalid_date"),
        ({"role": "Analyst"}, "relation_exists"),
        ({"role": "Author", "employment_id": FIRST}, "relation_exists"),
    ],
)
def test_a_post_is_refused_in_the_order_of_its_guards(asked: Any, code: Any) -> None:
    given(created(), post()).when("AddEmployment", {"organization_id": "o-1", **asked}).then_refused(code)


def test_a_post_that_ended_can_be_taken_again_under_another_id() -> None:
    past = (created(), post(end_date=date(2025, 1, 1)))
    again = {"organization_id": "o-1", "role": "Analyst"}
    assert given(*past).when("AddEmployment", again).events
    given(*past).when("AddEmployment", {**again, "employment_id": FIRST}).then_refused("relation_exists")


def ended(employment_id: str) -> EmploymentEnded:
    return EmploymentEnded(employment_id=employment_id, end_date=date(2026, 1, 1), reason="Resignation")


@pytest.mark.parametrize(
    ("asked", "ends"),
    [
        ({"employment_id": SECOND}, [SECOND]),
        ({"organization_id": "o-1"}, [FIRST, SECOND]),
        ({"organization_id": "o-1", "role": "Author"}, [SECOND]),
    ],
)
def test_every_open_post_that_is_meant_ends(asked: Any, ends: Any) -> None:
    past = (created(), post(SECOND, "Author"), post(FIRST, is_primary=True), post(THIRD, end_date=date(2025, 1, 1)))
    data = {**asked, "end_date": "2026-01-01", "reason": "Resignation"}
    person = given(*past).when("EndEmployment", data).then(*map(ended, ends))
    for employment_id in ends:
        held = person.employments[employment_id]
        assert (held.end_date, held.is_primary) == (date(2026, 1, 1), False)
    assert person.employments[THIRD].end_date == date(2025, 1, 1)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"employment_id": GRACE}, "relation_not_found"),
        ({"employment_id": THIRD}, "relation_not_found"),
        ({"organization_id": "o-2"}, "relation_not_found"),
        ({"organization_id": "o-1", "role": "Author"}, "relation_not_found"),
        ({"organization_id": "o-1", "end_date": "2024-12-31"}, "invalid_date"),
    ],
)
def test_a_post_that_is_not_open_or_not_begun_does_not_end(asked: Any, code: Any) -> None:
    past = (created(), post(start_date=date(2025, 1, 1)), post(THIRD, end_date=date(2025, 1, 1)))
    data = {"end_date": "2026-01-01", "reason": "Layoff", **asked}
    given(*past).when("EndEmployment", data).then_refused(code)


def changing(**fields: Any) -> dict[str, Any]:
    return {"new_role": "Director", "effective_date": "2026-01-01", **fields}


@pytest.mark.parametrize("asked", [{"employment_id": FIRST}, {"organization_id": "o-1", "old_role": "Analyst"}])
def test_the_role_changes_in_the_one_post_that_is_meant(asked: Any) -> None:
    expected = EmploymentRoleChanged(
        employment_id=FIRST, old_role="Analyst", new_role="Director", effective_date=date(2026, 1, 1)
    )
    past = (created(), post(), post(SECOND, "Author"))
    person = given(*past).when("ChangeEmploymentRole", changing(**asked)).then(expected)
    assert (person.employments[FIRST].role, person.employments[SECOND].role) == ("Director", "Author")


@pytest.mark.parametrize(
    ("asked", "code", "facts"),
    [
        ({"employment_id": GRACE}, "relation_not_found", {}),
        ({"employment_id": THIRD}, "relation_not_found", {}),
        ({"organization_id": "o-1"}, "relation_ambiguous", {"employment_ids": [FIRST, SECOND]}),
        ({"employment_id": FIRST, "new_role": "Analyst"}, "no_change", {}),
    ],
)
def test_a_role_change_is_refused_in_the_order_of_its_guards(asked: Any, code: Any, facts: Any) -> None:
    past = (created(), post(), post(SECOND, "Author"), post(THIRD, end_date=date(2025, 1, 1)))
    given(*past).when("ChangeEmploymentRole", changing(**asked)).then_refused(code, **facts)


# Agents


def test_agents_share_a_person() -> None:
    data = {"agent_id": "a-1", "agent_type": "assistant", "assignment": "Shared", "permissions": ["person.read"]}
    person = given(created()).when("AssignAgent", data).then(SHARED)
    assert person.agents["a-1"].permissions == ("person.read",)
    other = {"agent_id": "a-2", "agent_type": "assistant", "assignment": "Temporary"}
    expected = AgentAssigned(agent_id="a-2", agent_type="assistant", assignment="Temporary")
    assert set(given(person).when("AssignAgent", other, id=uuid("2nd")).then(expected).agents) == {"a-1", "a-2"}


@pytest.mark.parametrize(
    ("held", "agent_id", "assignment"),
    [("Shared", "a-1", "Shared"), ("Exclusive", "a-2", "Shared"), ("Shared", "a-2", "Exclusive")],
)
def test_an_agent_is_assigned_once_and_an_exclusive_one_alone(held: Any, agent_id: Any, assignment: Any) -> None:
    past = (created(), SHARED.model_copy(update={"assignment": held}))
    data = {"agent_id": agent_id, "agent_type": "assistant", "assignment": assignment}
    given(*past).when("AssignAgent", data).then_refused("relation_exists")


def test_an_assigned_agent_is_unassigned() -> None:
    data = {"agent_id": "a-1", "reason": "done"}
    unassigned = AgentUnassigned(agent_id="a-1", reason="done")
    assert not given(created(), SHARED).when("UnassignAgent", data).then(unassigned).agents
    given(created()).when("UnassignAgent", data).then_refused("relation_not_found")


# What comes in, and what is out of place


@pytest.mark.parametrize(
    ("name", "data", "field", "rule"),
    [
        ("LinkIdentity", {"identity_id": "ada@example.org", "identity_type": "x"}, "data.identity_id", "foreign_id"),
        ("LinkIdentity", {"identity_id": "i-1", "identity_type": "Pass port"}, "data.identity_type", "slug"),
        (
            "LinkIdentity",
            {"identity_id": "i-1", "identity_type": "x", "verification_level": "High"},
            "data.verification_level",
            "literal_error",
        ),
        ("AssignLocation", {"location_id": "", "location_type": "Work"}, "data.location_id", "foreign_id"),
        ("AssignLocation", {"location_id": "l-1", "location_type": "Moon"}, "data.location_type", "literal_error"),
        ("AddEmployment", {"organization_id": "o-1", "role": " "}, "data.role", "label_length"),
        (
            "EndEmployment",
            {"end_date": "2026-01-01", "reason": "Other"},
            "data",
            "employment_id_or_organization_id",
        ),
        (
            "EndEmployment",
            {"employment_id": FIRST, "role": "Author", "end_date": "2026-01-01", "reason": "Other"},
            "data",
            "employment_id_or_organization_id",
        ),
        (
            "ChangeEmploymentRole",
            changing(employment_id=FIRST, organization_id="o-1"),
            "data",
            "employment_id_or_organization_id",
        ),
        (
            "AssignAgent",
            {"agent_id": "a-1", "agent_type": "x", "assignment": "Shared", "permissions": ["p"] * 65},
            "data.permissions",
            "permission_count",
        ),
    ],
)
def test_a_bad_field_is_named_with_its_rule(name: Any, data: Any, field: Any, rule: Any) -> None:
    with pytest.raises(Refused) as refused:
        command(name, data)
    assert refused.value.facts == {"field": field, "rule": rule}


def test_links_that_are_there_or_not_there_or_hidden_change_nothing() -> None:
    person = person_after(created(), LINKED, HOME, post(), SHARED)
    for data in (
        LINKED,
        LINKED.model_copy(update={"identity_id": HIDDEN}),
        IdentityUnlinked(identity_id="i-9"),
        IdentityUnlinked(identity_id=HIDDEN),
        IdentityVerificationChanged(identity_id="i-9", verification_level="Fully"),
        IdentityVerificationChanged(identity_id=HIDDEN, verification_level="Fully"),
        HOME,
        HOME.model_copy(update={"location_id": HIDDEN}),
        LocationRemoved(location_id="l-9"),
        LocationRemoved(location_id="l-1", location_type="Work"),
        LocationRemoved(location_id=HIDDEN),
        post(role="Author"),
        ended(GRACE),
        EmploymentRoleChanged(employment_id=GRACE, old_role="x", new_role="y", effective_date=date(2026, 1, 1)),
        SHARED,
        SHARED.model_copy(update={"agent_id": HIDDEN}),
        AgentUnassigned(agent_id="a-9"),
        AgentUnassigned(agent_id=HIDDEN),
    ):
        assert evolve(person, recorded(data, 9)) is person, data


def test_a_post_whose_organization_is_hidden_is_still_named_by_its_id() -> None:
    hidden = post(role=HIDDEN).model_copy(update={"organization_id": HIDDEN})
    data = {"organization_id": "o-1", "end_date": "2026-01-01", "reason": "Resignation"}
    given(created(), hidden).when("EndEmployment", data).then_refused("relation_not_found")
    named = given(created(), hidden).when("ChangeEmploymentRole", changing(employment_id=FIRST))
    (event,) = named.events
    assert named.then(event.data).employments[FIRST].role == "Director"
