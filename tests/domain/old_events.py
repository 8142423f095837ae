"""The tables of old events (domain.md 9.2 and 9.3): type, version and data as they were stored, and the events that they read as."""

from __future__ import annotations

from typing import Any

from domain.ids import derive
from tests.domain.specification import ADA, GRACE, uuid

ID = uuid("old event")
PART = derive(ID, "part:1")
COMPONENT = uuid("component")
ADA_PARTS = {"given_names": ["Ada"], "family_names": ["Lovelace"]}
OLD_NAME = {"first_name": "Ada", "last_name": "Lovelace"}
REDACTED = {"$redacted": "identity"}


def stored(event_type: str, data: dict[str, Any], version: int | None = 1, **attributes: Any) -> dict[str, Any]:
    """An event as the first writer stored it."""
    document: dict[str, Any] = {
        "specversion": "1.0",
        "id": ID,
        "type": event_type,
        "source": "/person",
        "subject": ADA,
        "sequence": 1,
        "data": data,
        **attributes,
    }
    if version is not None:
        document["dataversion"] = version
    return document


def added(component_type: str, data: object, **more: Any) -> dict[str, Any]:
    return {"component_type": component_type, "component_data": data, **more}


FRESH = {"is_primary": False, "is_verified": False, "tags": [], "custom_fields": {}}
OWN = {"is_primary": False, "is_verified": False}

ROWS: list[tuple[str, int, dict[str, Any], list[tuple[str, int, dict[str, Any]]]]] = [
    (
        "person.created",
        1,
        {"name": OLD_NAME, "source": "hr", "created_at": "2020-01-02T03:04:05Z"},
        [("person.created", 3, {"name": ADA_PARTS, "source": "hr", "onboarding": False})],
    ),
    (
        "person.created",
        2,
        {"name": OLD_NAME, "source": "hr"},
        [("person.created", 3, {"name": ADA_PARTS, "source": "hr", "onboarding": False})],
    ),
    (
        "person.updated",
        1,
        {"name": OLD_NAME, "updated_at": "2020-01-02T03:04:05Z"},
        [("person.name_updated", 2, {"new_name": ADA_PARTS})],
    ),
    (
        "person.name_updated",
        1,
        {"old_name": {"first_name": "Ada"}, "new_name": OLD_NAME, "reason": "married"},
        [
            (
                "person.name_updated",
                2,
                {"old_name": {"given_names": ["Ada"]}, "new_name": ADA_PARTS, "change_reason": "married"},
            )
        ],
    ),
    ("person.name_updated", 1, {"old_name": "Ada Lovelace", "new_name": "Ada  Lovelace"}, []),
    (
        "person.name_updated",
        1,
        {"old_name": REDACTED, "new_name": REDACTED},
        [("person.name_updated", 2, {"old_name": REDACTED, "new_name": REDACTED})],
    ),
    (
        "person.birth_date_set",
        1,
        {"birth_date": "1815-12-10", "set_at": "2020-01-02T03:04:05Z"},
        [("person.birth_date_set", 2, {"birth_date": "1815-12-10"})],
    ),
    (
        "person.death_recorded",
        1,
        {"date_of_death": "1852-11-27", "recorded_at": "2020-01-02T03:04:05Z"},
        [("person.death_recorded", 2, {"date_of_death": "1852-11-27"})],
    ),
    ("person.deactivated", 1, {"reason": "away", "deactivated_at": "x"}, [("person.suspended", 2, {"reason": "away"})]),
    ("person.reactivated", 1, {"reason": "back", "reactivated_at": "x"}, [("person.activated", 2, {"reason": "back"})]),
    (
        "person.merged_into",
        1,
        {"merged_into_id": GRACE, "merge_reason": "DuplicateIdentity", "merged_at": "x"},
        [("person.merged", 2, {"target_person_id": GRACE, "merge_reason": "DuplicateIdentity"})],
    ),
    (
        "person.merged_into",
        1,
        {"merged_into_id": GRACE, "merge_reason": "same customer number"},
        [("person.merged", 2, {"target_person_id": GRACE, "merge_reason": "UserRequested"})],
    ),
    (
        "person.component_registered",
        1,
        {"component_type": "Email", "registered_at": "x"},
        [("person.component_added", 3, added("EmailAddress", {}, component_id=derive(ID, "component"), **FRESH))],
    ),
    (
        "person.component_unregistered",
        1,
        {"component_type": "Phone", "unregistered_at": "x"},
        [("person.component_removed", 2, {"component_type": "PhoneNumber"})],
    ),
    (
        "person.component_data_updated",
        1,
        {"component_id": COMPONENT, "data": {"a": 1}, "updated_at": "x"},
        [
            (
                "person.component_added",
                3,
                added("CustomAttribute", {"type": "legacy", "name": COMPONENT, "value": {}}, component_id=COMPONENT),
            ),
            ("person.component_updated", 2, {"component_id": COMPONENT, "changes": {"value": {"a": 1}}}),
        ],
    ),
    (
        "person.email_added",
        1,
        {"component_id": COMPONENT, "email": {"address": "ada@example.org"}, "preferred": True, "added_at": "x"},
        [
            (
                "person.component_added",
                3,
                added(
                    "EmailAddress",
                    {"email": {"address": "ada@example.org"}},
                    component_id=COMPONENT,
                    is_primary=True,
                    is_verified=False,
                ),
            )
        ],
    ),
    (
        "person.skill_added",
        1,
        {"name": "Poetry"},
        [
            (
                "person.component_added",
                3,
                added("Skill", {"name": "Poetry"}, component_id=derive(ID, "component"), **OWN),
            )
        ],
    ),
    (
        "person.phone_added",
        1,
        {"component_id": COMPONENT, "number": "+49 1", "is_verified": True},
        [
            (
                "person.component_added",
                3,
                added("PhoneNumber", {"number": "+49 1"}, component_id=COMPONENT, is_primary=False, is_verified=True),
            )
        ],
    ),
    (
        "person.employment_added",
        1,
        {"component_id": COMPONENT, "company_name": "Analytical Engines", "job_title": "Author"},
        [
            (
                "person.component_added",
                3,
                added(
                    "Employment",
                    {"company": "Analytical Engines", "position": "Author"},
                    component_id=COMPONENT,
                    **OWN,
                ),
            )
        ],
    ),
    (
        "person.employment_updated",
        1,
        {"component_id": COMPONENT, "changes": {"job_title": "Editor"}},
        [
            (
                "person.component_updated",
                2,
                {"component_id": COMPONENT, "component_type": "Employment", "changes": {"position": "Editor"}},
            )
        ],
    ),
    (
        "person.employment_ended",
        1,
        {"component_id": COMPONENT, "end_date": "2020-01-02"},
        [
            (
                "person.component_updated",
                2,
                {
                    "component_id": COMPONENT,
                    "component_type": "Employment",
                    "changes": {"end_date": "2020-01-02", "is_current": False},
                },
            )
        ],
    ),
    (
        "person.skill_endorsed",
        1,
        {"component_id": COMPONENT, "endorser_name": "Grace", "timestamp": "2020-01-02T03:04:05Z"},
        [("person.skill_endorsed", 2, {"component_id": COMPONENT, "endorser_name": "Grace"})],
    ),
    *(
        (
            f"person.{item}_preferences_updated",
            1,
            {"changes": {"a": 1}},
            [
                ("person.component_added", 3, added(kind, {}, component_id=derive(ADA, kind))),
                (
                    "person.component_updated",
                    2,
                    {"component_id": derive(ADA, kind), "component_type": kind, "changes": {"a": 1}},
                ),
            ],
        )
        for item, kind in (("communication", "CommunicationPreferences"), ("privacy", "PrivacyPreferences"))
    ),
    (
        "person.consent_recorded",
        1,
        {"consent_type": "marketing", "granted": True, "version": "7", "ip_address": "192.0.2.1"},
        [
            (
                "person.consent_recorded",
                2,
                {"consent_type": "marketing", "granted": True, "terms_version": "7", "ip_address": "192.0.2.1"},
            )
        ],
    ),
    *(
        (
            f"person.{item}_{verb}",
            1,
            {"component_id": COMPONENT, **own},
            [(f"person.component_{verb}", version, {"component_id": COMPONENT, "component_type": kind, **new})],
        )
        for item, kind in (
            ("email", "EmailAddress"),
            ("phone", "PhoneNumber"),
            ("skill", "Skill"),
            ("social_profile", "SocialProfile"),
            ("employment", "Employment"),
        )
        for verb, version, own, new in (
            ("added", 3, {"a": 1}, {"component_data": {"a": 1}, **OWN}),
            ("updated", 2, {"changes": {"a": None}}, {"changes": {"a": None}}),
            ("removed", 2, {}, {}),
        )
    ),
    (
        "person.component_added",
        2,
        {"component_type": "Email", "component_data": {"email": "raw"}},
        [
            (
                "person.component_added",
                3,
                added("EmailAddress", {"email": "raw"}, component_id=derive(ID, "component"), **FRESH),
            )
        ],
    ),
    (
        "person.employment_added",
        2,
        {"organization_id": GRACE, "role": "Author"},
        [
            (
                "person.employment_added",
                3,
                {
                    "organization_id": GRACE,
                    "role": "Author",
                    "employment_id": derive(ID, "employment"),
                    "employment_type": "Other",
                },
            )
        ],
    ),
]
