"""Contract of each message: what a neighbour sends, with unknown members and without optional ones, becomes these commands."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from domain.refusals import REFUSAL_CODES
from domain.translate.catalogue import IGNORED, INBOUND, ForPersons, translated
from domain.translate.rule import KnownPerson, Wish
from domain.translate.signals import SIGNALS, Signal
from domain.undecodable import Undecodable
from ops.contracts.examples.foreign import all_said
from tests.domain.translate.reading import ADA, BOB, STORED, asked, command, event, wishes

Table = list[tuple[str, Mapping[str, Any], list[tuple[str, dict[str, Any]]]]]
DAY = STORED.date()
IDENTITY = {"identity_id": "i-1", "person_id": ADA}
POST = {"organization_id": "o-1", "person_id": ADA}
PLACE = {"location_id": "l-1", "person_id": ADA}
ACCOUNT = {"username": "Ada", "person_id": ADA}
AGENT = {"agent_id": "a-1", "person_id": ADA}

COMMANDS: Table = [
    (
        "identity.created",
        IDENTITY,
        [
            (
                "relationship.link_identity",
                {"identity_id": "i-1", "identity_type": "other", "verification_level": "Unverified"},
            )
        ],
    ),
    (
        "identity.linked",
        {**IDENTITY, "identity_type": "Staff Account", "verification_level": "phone"},
        [
            (
                "relationship.link_identity",
                {"identity_id": "i-1", "identity_type": "staff_account", "verification_level": "Phone"},
            )
        ],
    ),
    (
        "identity.verified",
        {**IDENTITY, "level": "DOCUMENT", "identity_type": "passport"},
        [
            (
                "onboarding.verify_identity",
                {"identity_id": "i-1", "identity_type": "passport", "verification_level": "Document"},
            )
        ],
    ),
    (
        "identity.verified",
        {"identity_id": "i-1", "level": "Unverified"},
        [("relationship.record_identity_verification", {"identity_id": "i-1", "verification_level": "Unverified"})],
    ),
    ("identity.unlinked", {"identity_id": "i-1"}, [("relationship.unlink_identity", {"identity_id": "i-1"})]),
    (
        "identity.revoked",
        IDENTITY,
        [
            ("relationship.record_identity_verification", {"identity_id": "i-1", "verification_level": "Unverified"}),
            ("lifecycle.suspend", {"reason": "identity revoked"}),
        ],
    ),
    (
        "identity.merged",
        {"from": "i-1", "to": "i-2"},
        [
            (
                "relationship.link_identity",
                {"identity_id": "i-2", "identity_type": "passport", "verification_level": "Email"},
            ),
            ("relationship.unlink_identity", {"identity_id": "i-1"}),
        ],
    ),
    (
        "identity.merged",
        {"from": "i-1", "to": "i-2", "identity_type": "card", "level": "Fully"},
        [
            (
                "relationship.link_identity",
                {"identity_id": "i-2", "identity_type": "card", "verification_level": "Fully"},
            ),
            ("relationship.unlink_identity", {"identity_id": "i-1"}),
        ],
    ),
    (
        "organization.person_joined",
        {
            **POST,
            "role": "Analyst",
            "department_id": "d-1",
            "employment_type": "part_time",
            "start_date": "2024-01-01T08:00:00Z",
        },
        [
            (
                "relationship.add_employment",
                {
                    "organization_id": "o-1",
                    "role": "Analyst",
                    "department_id": "d-1",
                    "employment_type": "PartTime",
                    "start_date": date(2024, 1, 1),
                },
            )
        ],
    ),
    (
        "organization.person_joined",
        {**POST, "role": "Analyst", "employment_type": "gig"},
        [("relationship.add_employment", {"organization_id": "o-1", "role": "Analyst", "employment_type": "Other"})],
    ),
    (
        "organization.person_left",
        {**POST, "role": "Analyst", "end_date": "2025-01-31", "reason": "Rollback"},
        [
            (
                "relationship.end_employment",
                {"organization_id": "o-1", "role": "Analyst", "end_date": date(2025, 1, 31), "reason": "Rollback"},
            )
        ],
    ),
    (
        "organization.person_left",
        {**POST, "reason": "was tired of it"},
        [("relationship.end_employment", {"organization_id": "o-1", "end_date": DAY, "reason": "Other"})],
    ),
    (
        "organization.person_role_changed",
        {**POST, "old_role": "Analyst", "new_role": "Lead", "effective_date": "2025-02-01"},
        [
            (
                "relationship.change_employment_role",
                {
                    "organization_id": "o-1",
                    "old_role": "Analyst",
                    "new_role": "Lead",
                    "effective_date": date(2025, 2, 1),
                },
            )
        ],
    ),
    (
        "organization.person_role_changed",
        {**POST, "new_role": "Lead"},
        [
            (
                "relationship.change_employment_role",
                {"organization_id": "o-1", "new_role": "Lead", "effective_date": DAY},
            )
        ],
    ),
    (
        "organization.dissolved",
        {"organization_id": "o-1"},
        [
            (
                "relationship.end_employment",
                {"organization_id": "o-1", "end_date": DAY, "reason": "OrganizationDissolved"},
            )
        ],
    ),
    (
        "location.person_associated",
        {**PLACE, "usage": "Residential"},
        [("onboarding.assign_location", {"location_id": "l-1", "location_type": "Residence"})],
    ),
    (
        "location.person_associated",
        {**PLACE, "usage": "Treehouse"},
        [("onboarding.assign_location", {"location_id": "l-1", "location_type": "Other"})],
    ),
    (
        "location.person_disassociated",
        {**PLACE, "usage": "Business", "end_date": "2025-01-01"},
        [
            (
                "relationship.remove_location",
                {"location_id": "l-1", "location_type": "Work", "end_date": date(2025, 1, 1)},
            )
        ],
    ),
    ("location.person_disassociated", PLACE, [("relationship.remove_location", {"location_id": "l-1"})]),
    (
        "location.person_moved",
        {"from": "l-1", "to": "l-2", "usage": "Vacation", "person_id": ADA},
        [
            ("relationship.assign_location", {"location_id": "l-2", "location_type": "Vacation", "is_primary": False}),
            ("relationship.remove_location", {"location_id": "l-1", "location_type": "Vacation", "end_date": DAY}),
        ],
    ),
    (
        "location.person_moved",
        {"from": "l-1", "to": "l-2", "is_primary": True, "person_id": ADA},
        [
            ("relationship.assign_location", {"location_id": "l-2", "location_type": "Mailing", "is_primary": True}),
            ("relationship.assign_location", {"location_id": "l-2", "location_type": "Work", "is_primary": True}),
            ("relationship.remove_location", {"location_id": "l-1", "end_date": DAY}),
        ],
    ),
    (
        "location.deactivated",
        {"location_id": "l-1", "deactivated_on": "2025-03-31"},
        [("relationship.remove_location", {"location_id": "l-1", "end_date": date(2025, 3, 31)})],
    ),
    (
        "location.address_validated",
        {"component_id": BOB, "status": "Valid", "person_id": ADA},
        [("component.verify", {"component_id": BOB, "method": "address_validation"})],
    ),
    *(
        (
            "location.address_validated",
            {"component_id": BOB, "status": status, "person_id": ADA},
            [("policy.flag_quality", {"component_id": BOB, "flag": flag})],
        )
        for status, flag in (
            ("InvalidFormat", "address_invalid_format"),
            ("NotFound", "address_not_found"),
            ("Ambiguous", "address_ambiguous"),
            ("Undeliverable", "address_undeliverable"),
        )
    ),
    (
        "git.author_identified",
        {**ACCOUNT, "provider": "gitlab", "repositories": 3},
        [
            (
                "component.add",
                {
                    "component_type": "GitProfile",
                    "data": {"provider": "GitLab", "username": "Ada", "repositories": 3},
                    "provenance_kind": "Imported",
                },
            )
        ],
    ),
    (
        "git.author_identified",
        {**ACCOUNT, "provider": "Forgejo", "repositories": [BOB, "engine"]},
        [
            (
                "component.add",
                {
                    "component_type": "GitProfile",
                    "data": {"provider": "Other", "username": "Ada", "repositories": 2, "repository_ids": [BOB]},
                    "provenance_kind": "Imported",
                },
            )
        ],
    ),
    (
        "git.contributions_calculated",
        {
            **ACCOUNT,
            "languages": [{"name": "Rust", "percentage": 70.4, "lines": 20}, "Go"],
            "commits": 9,
            "first": "2019-03-01T10:00:00Z",
            "last": "2025-01-01",
        },
        [
            (
                "component.update",
                {
                    "component_id": BOB,
                    "component_type": "GitProfile",
                    "changes": {
                        "languages": [{"language": "Rust", "lines": 20, "share": 70.4}, {"language": "Go", "lines": 0}],
                        "contributions": 9,
                        "first_contribution": "2019-03-01",
                        "last_contribution": "2025-01-01",
                    },
                },
            ),
            ("skills.analyze", {"component_id": BOB}),
        ],
    ),
    ("git.contributions_calculated", ACCOUNT, [("skills.analyze", {"component_id": BOB})]),
    ("git.contributions_calculated", {**ACCOUNT, "provider": "GitLab"}, []),
    ("git.commit_analyzed", ACCOUNT, [("policy.record_activity", {"kind": "git_commit"})]),
    ("git.pull_request_merged", {"author": "Ada"}, [("policy.record_activity", {"kind": "git_merge"})]),
    ("git.code_review_completed", {"person_id": ADA}, [("policy.record_activity", {"kind": "git_review"})]),
    (
        "agent.assigned_to_person",
        {**AGENT, "type": "Help-Desk", "assignment": "exclusive", "permissions": ["calendar.read"]},
        [
            (
                "relationship.assign_agent",
                {
                    "agent_id": "a-1",
                    "agent_type": "help_desk",
                    "assignment": "Exclusive",
                    "permissions": ["calendar.read"],
                },
            )
        ],
    ),
    (
        "agent.assigned_to_person",
        AGENT,
        [
            (
                "relationship.assign_agent",
                {"agent_id": "a-1", "agent_type": "other", "assignment": "Shared", "permissions": []},
            )
        ],
    ),
    ("agent.unassigned", {"agent_id": "a-1"}, [("relationship.unassign_agent", {"agent_id": "a-1"})]),
    ("agent.interaction_completed", AGENT, [("policy.record_activity", {"kind": "agent_interaction"})]),
]
KNOWN = KnownPerson(
    identities={"i-1": ("passport", "Email")},
    locations=frozenset({("l-1", "Work"), ("l-1", "Mailing"), ("l-9", "Residence")}),
    git_profiles={"git:GitHub/ada": BOB},
)


@pytest.mark.parametrize(("event_type", "data", "expected"), COMMANDS)
def test_an_event_becomes_the_commands_of_the_specification(
    event_type: str, data: Mapping[str, Any], expected: list[tuple[str, dict[str, Any]]]
) -> None:
    found = wishes(event_type, data, KNOWN)

    assert [asked(wish) for wish in found] == expected
    # Each is a command that the edge of this domain takes.
    assert all(command(event(event_type, dict(data)), wish).actor.startswith("adapter:") for wish in found)
    assert len({wish.rule for wish in found}) == len(found)


def test_every_event_of_the_catalogue_has_a_contract_and_an_example() -> None:
    assert {event_type for event_type, _, _ in COMMANDS} == set(INBOUND)
    assert set(all_said()) == {*INBOUND, *SIGNALS}


@pytest.mark.parametrize(
    ("event_type", "data", "chain"),
    [
        (
            "identity.verified",
            {**IDENTITY, "level": "Email"},
            [
                ("onboarding_not_active", "relationship.record_identity_verification"),
                ("relation_not_found", "relationship.link_identity"),
            ],
        ),
        (
            "identity.verified",
            {**IDENTITY, "level": "Email"},
            [
                ("onboarding_wrong_step", "relationship.record_identity_verification"),
                ("relation_not_found", "relationship.link_identity"),
            ],
        ),
        (
            "location.person_associated",
            {**PLACE, "usage": "Mailing", "is_primary": True},
            [("onboarding_not_active", "relationship.assign_location")],
        ),
        (
            "location.person_associated",
            {**PLACE, "usage": "Mailing"},
            [("onboarding_wrong_step", "relationship.assign_location")],
        ),
        ("git.author_identified", {**ACCOUNT, "repositories": 3}, [("component_exists", "component.update")]),
    ],
)
def test_a_refusal_with_a_listed_code_leads_to_the_next_command(
    event_type: str, data: Mapping[str, Any], chain: list[tuple[str, str]]
) -> None:
    [wish] = wishes(event_type, data)

    for code, path in chain:
        wish = wish.otherwise[code]({"component_id": BOB})
        assert wish.path == path
        assert command(event(event_type, dict(data)), wish)
    assert not wish.otherwise


def test_every_code_that_leads_on_is_one_of_the_catalogue() -> None:
    def codes(wish: Wish) -> set[str]:
        further = [step({"component_id": BOB}) for step in wish.otherwise.values()]
        return set(wish.otherwise).union(*map(codes, further))

    found = [codes(wish) for event_type, data, _ in COMMANDS for wish in wishes(event_type, data, KNOWN)]

    assert set().union(*found) <= set(REFUSAL_CODES)


@pytest.mark.parametrize("event_type", sorted(IGNORED))
def test_what_is_listed_as_ignored_becomes_nothing(event_type: str) -> None:
    assert translated(event(event_type, {"anything": 1})) == "listed"


def test_what_nobody_has_listed_and_what_names_nobody_becomes_nothing() -> None:
    assert translated(event("identity.seen_on_the_moon", {})) == "unknown"
    assert translated(event("identity.created", {"identity_id": "i-1"})) == "nobody"
    assert translated(event("agent.person_released", {"person_id": ADA})) == "nobody"


@pytest.mark.parametrize("event_type", sorted(SIGNALS))
def test_an_answer_to_a_saga_is_a_signal_of_its_name_with_ids_alone(event_type: str) -> None:
    data = {"saga_id": BOB, "person_id": ADA, "location_id": "l-1", "count": 3, "note": "for Ada L.", "more": {"a": 1}}

    assert translated(event(event_type, data)) == Signal(
        BOB, ADA, event_type, {"saga_id": BOB, "person_id": ADA, "location_id": "l-1", "count": 3}
    )


def test_a_signal_goes_to_the_person_of_the_saga_also_when_it_is_about_another() -> None:
    signal = translated(event("git.person_forgotten", {"saga_id": BOB, "person_id": BOB, "saga_person_id": ADA}))

    assert isinstance(signal, Signal)
    assert (signal.person_id, signal.data["person_id"]) == (ADA, BOB)


@pytest.mark.parametrize(
    ("event_type", "data", "reason"),
    [
        ("identity.linked", {"person_id": ADA}, "data.identity_id: missing"),
        ("identity.linked", {**IDENTITY, "identity_id": "ada@example.org"}, "data.identity_id: foreign_id"),
        ("identity.verified", {**IDENTITY, "level": "Surely"}, "data.level: word"),
        ("identity.verified", {**IDENTITY}, "data.level: missing"),
        ("organization.person_joined", {**POST}, "data.role: missing"),
        ("organization.person_left", {**POST, "end_date": "soon"}, "data.end_date: date_from_datetime_parsing"),
        ("location.person_moved", {"from": "l-1", "person_id": ADA}, "data.to: missing"),
        ("location.address_validated", {"component_id": "x", "status": "Valid"}, "data.component_id: uuid"),
        ("git.author_identified", {"person_id": ADA}, "data.username: missing"),
        ("git.author_identified", {**ACCOUNT, "repositories": ["r"] * 501}, "data.repositories: too_long"),
        ("git.contributions_calculated", {**ACCOUNT, "languages": ["x"] * 201}, "data.languages: too_long"),
        ("git.contributions_calculated", {**ACCOUNT, "commits": -1}, "data.commits: count"),
        ("agent.assigned_to_person", {**AGENT, "permissions": ["p"] * 65}, "data.permissions: too_long"),
        ("agent.assigned_to_person", {**AGENT, "assignment": "Forever"}, "data.assignment: word"),
        ("agent.person_released", {"saga_id": "x", "person_id": ADA}, "data.saga_id: uuid"),
    ],
)
def test_data_that_breaks_a_rule_is_named_without_its_value(event_type: str, data: dict[str, Any], reason: str) -> None:
    with pytest.raises(Undecodable) as broken:
        translated(event(event_type, data))

    assert (broken.value.cause, broken.value.reason) == ("undecodable", reason)


def test_a_move_that_comes_again_invents_no_place() -> None:
    data = {"from": "l-1", "to": "l-2", "person_id": ADA}
    after = KnownPerson(locations=frozenset({("l-2", "Work")}))

    assert [wish.path for wish in wishes("location.person_moved", data, after)] == ["relationship.remove_location"]
    first = wishes("location.person_moved", data)
    assert [asked(wish)[1].get("location_type") for wish in first] == ["Other", None]


def test_only_what_tells_persons_apart_is_looked_up() -> None:
    def of(event_type: str, data: dict[str, Any]) -> ForPersons:
        becomes = translated(event(event_type, data))
        assert isinstance(becomes, ForPersons)
        return becomes

    assert str(of("identity.revoked", {"identity_id": "i-1"}).link) == "identity:i-1"
    assert str(of("git.commit_analyzed", {"username": "ADA", "provider": "github"}).link) == "git:GitHub/ada"
    assert str(of("agent.unassigned", {"agent_id": "a-1"}).link) == "agent:a-1"
    assert of("organization.person_left", {"organization_id": "o-1"}).link is None
    assert of("location.person_disassociated", {"location_id": "l-1"}).link is None
    # Whoever is named, the event is about everybody.
    dissolved = of("organization.dissolved", POST)
    assert (dissolved.person_id, str(dissolved.link)) == (None, "organization:o-1")
