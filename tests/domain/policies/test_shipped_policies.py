"""The policies that come with the product do what the specification says of them: which event, which condition, which command."""

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest

import config
from domain.canonical import plain_members
from domain.components.email_address import EmailAddressComponent
from domain.components.git_profile import GitProfileComponent
from domain.components.phone_number import PhoneNumberComponent
from domain.components.skill import SkillComponent
from domain.event_data.base import EventData
from domain.event_data.component import ComponentAdded
from domain.event_data.identity import NameUpdated
from domain.event_data.lifecycle import DeathRecorded, PersonActivated, PersonArchived, PersonCreated
from domain.event_data.onboarding import OnboardingCompleted
from domain.event_data.policy import PersonInactiveFor
from domain.policies.evaluation import judge
from domain.policies.occasion import Occasion
from domain.policies.registration import CheckedPolicy, check
from domain.values.person_name import PersonName
from tests.domain.policies.documents import occasion
from tests.domain.specification import (
    ADA_LOVELACE,
    NOW,
    admitted,
    created,
    onboarding_started,
    person_after,
    recorded,
    uuid,
)

FOLDER = Path(config.__file__).with_name("policies")
POLICIES: dict[str, CheckedPolicy] = {
    path.stem: check(tomllib.loads(path.read_text())) for path in sorted(FOLDER.glob("*.toml"))
}
MAIL = admitted(EmailAddressComponent, email={"address": "ada@example.org"})
PHONE = admitted(PhoneNumberComponent, phone={"number": "+4930123456"})
GIT = admitted(GitProfileComponent, username="ada")
SKILL = admitted(SkillComponent, name="Rust", category="Programming", proficiency="Expert")
SHORT = PersonName(given_names=("A",), family_names=("Lovelace",))
EAST_ASIAN = PersonName(given_names=("明",), family_names=("李",), naming_convention="EastAsian")
DRAFT = (created(onboarding=True), onboarding_started())
ONBOARDED = (*DRAFT, PersonActivated(reason="onboarding completed"))
DONE = OnboardingCompleted(onboarding_id=uuid("onboarding"))


def added(component_type: str, data: Any) -> ComponentAdded:
    return ComponentAdded(component_id=uuid(component_type), component_type=component_type, component_data=data)


def inactive(days: int) -> PersonInactiveFor:
    return PersonInactiveFor(days=days, threshold=days, last_activity_at=NOW)


def decisions(data: EventData, *past: EventData) -> dict[str, dict[str, Any]]:
    """Policies that fire on an event, with the payload of their commands; each command without what is the same in all."""
    asked = occasion(data, *past)
    found = {}
    for policy_id, policy in POLICIES.items():
        if policy.trigger != asked.cause.type:
            continue
        judgement = judge(policy, asked, shadow=False)
        assert judgement.verdict in ("fired", "silent"), policy_id
        if judgement.command is not None:
            sent = orjson.loads(judgement.command.body)
            del sent["data"]["context"]
            expected = {"expectedversion": sent["expectedversion"]} if "expectedversion" in sent else {}
            found[policy_id] = {"type": sent["type"].removeprefix("person.commands."), **expected, **sent["data"]}
    return found


NOTIFIED = {"type": "policy.request_notification", "template": "welcome", "channel": "Email"}
TABLE: list[tuple[EventData, tuple[EventData, ...], dict[str, dict[str, Any]]]] = [
    (
        inactive(366),
        (),
        {"auto-archive": {"type": "lifecycle.archive", "reason": "inactive for 366 days", "expectedversion": 2}},
    ),
    (inactive(365), (), {}),
    (inactive(180), (), {}),
    (
        added("GitProfile", GIT),
        (),
        {"skill-recommendation": {"type": "skills.analyze", "component_id": uuid("GitProfile")}},
    ),
    (added("GitProfile", GIT), DRAFT, {}),
    (added("Skill", SKILL), (), {}),
    (added("EmailAddress", MAIL), (), {"welcome-email": {**NOTIFIED, "component_id": uuid("EmailAddress")}}),
    (added("EmailAddress", MAIL), DRAFT, {}),
    (
        added("EmailAddress", {"mail": "raw"}),
        DRAFT,
        {
            "data-quality-email": {
                "type": "policy.flag_quality",
                "flag": "email_invalid",
                "component_id": uuid("EmailAddress"),
            }
        },
    ),
    (added("PhoneNumber", PHONE), (), {}),
    (
        added("PhoneNumber", {"number": "x"}),
        (),
        {
            "data-quality-phone": {
                "type": "policy.flag_quality",
                "flag": "phone_invalid",
                "component_id": uuid("PhoneNumber"),
            }
        },
    ),
    (DONE, ONBOARDED, {}),
    (
        DONE,
        (*ONBOARDED, added("EmailAddress", MAIL), added("GitProfile", GIT)),
        {
            "skill-recommendation-onboarded": {"type": "skills.analyze"},
            "welcome-email-onboarded": {**NOTIFIED, "component_id": uuid("EmailAddress")},
        },
    ),
    (
        NameUpdated(old_name=ADA_LOVELACE, new_name=SHORT),
        (),
        {"data-quality-name": {"type": "policy.flag_quality", "flag": "name_too_short"}},
    ),
    (NameUpdated(old_name=SHORT, new_name=ADA_LOVELACE), (), {}),
    (NameUpdated(new_name=EAST_ASIAN), (), {}),
    (
        PersonArchived(reason="left"),
        (),
        {
            "relationship-cascade-archived": {
                "type": "saga.start",
                "saga": "archival",
                "data": {"cause": "Archived"},
            }
        },
    ),
    (
        DeathRecorded(date_of_death=date(2025, 12, 31)),
        (),
        {
            "relationship-cascade-deceased": {
                "type": "saga.start",
                "saga": "archival",
                "data": {"cause": "Deceased"},
            }
        },
    ),
]


@pytest.mark.parametrize(("data", "past", "fired"), TABLE)
def test_a_shipped_policy_does_what_the_specification_says(
    data: EventData, past: tuple[EventData, ...], fired: dict[str, dict[str, Any]]
) -> None:
    assert decisions(data, *past) == fired


def test_a_person_that_is_created_with_a_short_western_name_is_flagged() -> None:
    policy = POLICIES["data-quality-name-created"]
    for name, verdict in ((SHORT, "fired"), (ADA_LOVELACE, "silent"), (EAST_ASIAN, "silent")):
        event = PersonCreated(name=name, source="portal")
        asked = Occasion.of_event(recorded(event, 1), person_after(event))
        assert judge(policy, asked, shadow=False).verdict == verdict


def test_all_eleven_are_there_and_only_the_cascades_are_protected() -> None:
    assert set(POLICIES) == {
        "auto-archive",
        "skill-recommendation",
        "skill-recommendation-onboarded",
        "welcome-email",
        "welcome-email-onboarded",
        "data-quality-email",
        "data-quality-phone",
        "data-quality-name",
        "data-quality-name-created",
        "relationship-cascade-archived",
        "relationship-cascade-deceased",
    }
    assert {name for name, policy in POLICIES.items() if policy.document.protected} == {
        "relationship-cascade-archived",
        "relationship-cascade-deceased",
    }
    assert {policy.name for policy in POLICIES.values()} == {f"{name}@1" for name in POLICIES}


def test_a_shipped_document_is_its_canonical_self() -> None:
    for policy in POLICIES.values():
        assert check(plain_members(policy.document)).document == policy.document
