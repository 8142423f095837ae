"""The story: commands in an order in which each one is accepted. Every command type occurs, and so does every event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from domain.envelope import COMMAND_PREFIX, CONTENT_TYPE, SPEC_VERSION
from domain.ids import derive
from ops.contracts.examples.components import COMPONENTS
from ops.contracts.examples.persons import (
    ADA,
    ATTRIBUTE,
    BOB,
    CARLA,
    DORA,
    EDGAR,
    EMPLOYMENT,
    ERASING_ADA,
    ERASING_FRIDA,
    EXPORTING,
    FLAGGING,
    FRIDA,
    GRETA,
    HEDY,
    HOLD,
    INGE,
    TITLE,
    command,
    component,
)

USER: Final = "user:7f3a"
SAGA: Final = "saga:example"
ADAPTER: Final = "adapter:git"
SWEEP: Final = "job:inactivity-sweep"
IMPORT: Final = "import:example"
LONG_AGO: Final = "2024-05-02T08:00:00Z"
BY_SAGAS: Final = frozenset(
    {"onboarding.complete", "onboarding.revert_step", "lifecycle.absorb", "privacy.confirm_erasure"}
)
"""Commands that a running installation sends on its own."""


class Step(NamedTuple):
    """A command of the story. Without `time` it counts from when the stream stored it, so an example can be sent at any time."""

    path: str
    person_id: str
    data: Mapping[str, Any]
    actor: str = USER
    id: str | None = None
    time: str | None = None

    @property
    def by_saga(self) -> bool:
        """Whether a running installation sends it on its own."""
        return self.path in BY_SAGAS

    @property
    def type(self) -> str:
        """Type and subject of the command."""
        return COMMAND_PREFIX + self.path

    def message(self) -> dict[str, Any]:
        """The complete command as a client sends it."""
        body = {
            "specversion": SPEC_VERSION,
            "id": self.id,
            "type": self.type,
            "source": "/clients/portal",
            "subject": self.person_id,
            "datacontenttype": CONTENT_TYPE,
            "actor": self.actor,
            "data": dict(self.data),
        }
        return body if self.time is None else {**body, "time": self.time}


def story() -> tuple[Step, ...]:
    """All steps, in order."""
    steps = (Step(*parts) for parts in _steps())
    return tuple(step._replace(id=step.id or command(number)) for number, step in enumerate(steps, 1))


def example_of(path: str) -> Step:
    """The first command of a type."""
    return next(step for step in story() if step.path == path)


def _steps() -> Iterator[tuple[Any, ...]]:
    names = {"given_names": ["Ada"], "family_names": ["Byron"]}
    yield "create", ADA, {"name": names, "source": "portal", "birth_date": "1990-12-10"}
    yield "create", BOB, {"name": {"given_names": ["Ada"], "family_names": ["Lovelace"]}, "source": "portal"}
    carla = {"given_names": ["Carla"], "family_names": ["Babbage"]}
    yield "create", CARLA, {"name": carla, "source": "hr", "onboarding": True}
    married = {"given_names": ["Ada"], "middle_names": ["King"], "family_names": ["Lovelace"]}
    yield "update", ADA, {"name": married, "change_reason": "marriage"}
    yield from _onboarding()
    yield from _consents()
    yield from _components()
    yield from _identity()
    yield from _relationships()
    yield from _policy()
    yield from _privacy()
    yield "lifecycle.suspend", ADA, {"reason": "on leave"}
    yield "lifecycle.reactivate", ADA, {"reason": "back from leave"}
    yield from _merge()
    yield from _ends()


def _onboarding() -> Iterator[tuple[Any, ...]]:
    verified = {"identity_id": "idp-4711", "identity_type": "employee", "verification_level": "Document"}
    yield "onboarding.verify_identity", CARLA, verified
    yield "onboarding.assign_location", CARLA, {"location_id": "loc-12", "location_type": "Work"}
    basic = {
        "email": {"email": {"address": "carla@example.org"}, "email_type": "Work"},
        "phone": {"phone": {"number": "020 7183 8751", "country_calling_code": "44"}, "phone_type": "Mobile"},
        "email_component_id": component(90),
        "phone_component_id": component(91),
    }
    yield "onboarding.provide_basic_info", CARLA, basic
    skill = {"name": "Mechanics", "category": "Technical", "proficiency": "Advanced"}
    provided = {"component_id": component(92), "component_type": "Skill", "data": skill}
    yield "onboarding.provide_components", CARLA, {"components": [provided]}
    yield "onboarding.complete", CARLA, {}

    dora = {"given_names": ["Dora"], "family_names": ["Menabrea"]}
    yield "create", DORA, {"name": dora, "source": "hr", "onboarding": True}
    yield "onboarding.fail", DORA, {"reason": "papers are missing"}
    yield "onboarding.start", DORA, {}
    yield "onboarding.fail", DORA, {"reason": "changed her mind"}
    yield "lifecycle.archive", DORA, {"reason": "did not join"}

    yield "create", HEDY, {"name": {"given_names": ["Hedy"]}, "source": "hr", "onboarding": True}
    yield "onboarding.verify_identity", HEDY, {**verified, "identity_id": "idp-4712"}
    yield "onboarding.fail", HEDY, {"reason": "went elsewhere"}
    yield "onboarding.revert_step", HEDY, {"step": "IdentityStep"}, SAGA


def _consents() -> Iterator[tuple[Any, ...]]:
    consent = {"granted": True, "terms_version": "2026-01", "ip_address": "192.0.2.7"}
    yield "privacy.record_consent", ADA, {"consent_type": "profiling", **consent}
    yield "privacy.record_consent", ADA, {"consent_type": "marketing", **consent}


def _components() -> Iterator[tuple[Any, ...]]:
    for number, (name, data) in enumerate(COMPONENTS.items(), 1):
        added = {"component_id": component(number), "component_type": name, "data": data}
        yield "component.add", ADA, {**added, "tags": ["example"]} if number == 1 else added
    email, skill = component(1), component(_place("Skill"))
    work = {"email": {"address": "ada@engines.example"}, "email_type": "Work"}
    yield "component.add", ADA, {"component_id": component(50), "component_type": "EmailAddress", "data": work}
    yield (
        "component.update",
        ADA,
        {
            "component_id": email,
            "component_type": "EmailAddress",
            "changes": {"can_receive_marketing": False},
        },
    )
    yield "component.verify", ADA, {"component_id": email, "method": "link"}
    yield "component.set_primary", ADA, {"component_id": component(50)}
    yield "component.remove", ADA, {"component_id": component(50), "component_type": "EmailAddress"}
    yield "component.endorse_skill", ADA, {"component_id": skill, "endorser_id": CARLA, "comment": "saw it work"}
    yield "skills.analyze", ADA, {"component_id": component(_place("GitProfile"))}


def _place(component_type: str) -> int:
    return list(COMPONENTS).index(component_type) + 1


def _identity() -> Iterator[tuple[Any, ...]]:
    title = {"title_id": TITLE, "title": "Countess", "title_type": "Noble", "awarded_date": "2020-07-30"}
    yield "identity.award_title", ADA, title
    yield "identity.revoke_title", ADA, {"title_id": TITLE, "revoked_date": "2025-11-27"}
    attribute = {
        "attribute_id": ATTRIBUTE,
        "attribute_type": "Physical",
        "name": "height",
        "value": {"type": "Length", "value": 1.68},
        "valid_from": "2026-01-10",
        "provenance": {"source": "Measured", "confidence": "Certain"},
    }
    yield "identity.record_attribute", ADA, {"attribute": attribute}
    yield "identity.invalidate_attribute", ADA, {"attribute_id": ATTRIBUTE, "valid_until": "2026-10-01"}


def _relationships() -> Iterator[tuple[Any, ...]]:
    identity = {"identity_id": "idp-0815", "identity_type": "customer"}
    yield "relationship.link_identity", ADA, identity
    level = {"identity_id": "idp-0815", "verification_level": "Fully"}
    yield "relationship.record_identity_verification", ADA, level
    yield "relationship.link_identity", ADA, {"identity_id": "idp-0816", "identity_type": "employee"}
    yield "relationship.unlink_identity", ADA, {"identity_id": "idp-0816", "reason": "linked by mistake"}
    place = {"location_id": "loc-7", "location_type": "Residence"}
    yield "relationship.assign_location", ADA, {**place, "is_primary": True, "start_date": "2024-01-01"}
    yield "relationship.assign_location", ADA, {**place, "location_type": "Mailing"}
    yield "relationship.remove_location", ADA, {**place, "location_type": "Mailing", "reason": "moved"}
    post = {"employment_id": EMPLOYMENT, "organization_id": "org-3", "role": "Programmer"}
    yield "relationship.add_employment", ADA, {**post, "employment_type": "FullTime", "start_date": "2021-02-01"}
    promoted = {"employment_id": EMPLOYMENT, "new_role": "Lead programmer", "effective_date": "2024-03-01"}
    yield "relationship.change_employment_role", ADA, promoted
    left = {"employment_id": EMPLOYMENT, "end_date": "2026-10-31", "reason": "Resignation"}
    yield "relationship.end_employment", ADA, left
    agent = {"agent_id": "agent-5", "agent_type": "assistant", "assignment": "Shared", "permissions": ["read"]}
    yield "relationship.assign_agent", ADA, agent
    yield "relationship.unassign_agent", ADA, {"agent_id": "agent-5", "reason": "no longer needed"}


def _policy() -> Iterator[tuple[Any, ...]]:
    welcome = {"template": "welcome", "channel": "Email", "component_id": component(1)}
    yield "policy.request_notification", ADA, welcome
    yield "policy.flag_quality", ADA, {"flag": "name_too_short"}, USER, FLAGGING
    yield "policy.clear_quality", ADA, {"flag_id": derive(FLAGGING, "flag")}


def _privacy() -> Iterator[tuple[Any, ...]]:
    yield "privacy.request_export", ADA, {"format": "JsonLines"}, USER, EXPORTING
    completed = {
        "export_id": derive(EXPORTING, "export"),
        "object_ref": "exports/0190c8a2",
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "expires_at": "2036-11-30T10:00:00Z",
    }
    yield "privacy.complete_export", ADA, completed
    yield "privacy.place_legal_hold", ADA, {"hold_id": HOLD, "reason": "case 12", "until": "2036-12-31"}
    yield "privacy.lift_legal_hold", ADA, {"hold_id": HOLD}
    yield "privacy.request_erasure", ADA, {"legal_basis": "DataSubjectRequest", "grace_hours": 48}, USER, ERASING_ADA
    yield "privacy.cancel_erasure", ADA, {"request_id": derive(ERASING_ADA, "erasure")}


def _merge() -> Iterator[tuple[Any, ...]]:
    site = {"url": "https://lovelace.example", "title": "Home", "website_type": "Personal"}
    yield "component.add", BOB, {"component_id": component(60), "component_type": "Website", "data": site}
    yield "merge", BOB, {"target_person_id": ADA, "merge_reason": "DuplicateIdentity"}
    yield "lifecycle.absorb", ADA, {"source_person_id": BOB, "source_version": 3}, SAGA


def _ends() -> Iterator[tuple[Any, ...]]:
    yield "create", EDGAR, {"name": {"given_names": ["Edgar"]}, "source": "portal"}
    yield "lifecycle.record_death", EDGAR, {"date_of_death": "2026-10-01"}
    yield "create", FRIDA, {"name": {"given_names": ["Frida"]}, "source": "portal"}
    yield "privacy.request_erasure", FRIDA, {"legal_basis": "ConsentWithdrawn", "grace_hours": 0}, USER, ERASING_FRIDA
    yield "privacy.confirm_erasure", FRIDA, {"request_id": derive(ERASING_FRIDA, "erasure")}, SAGA
    yield "create", GRETA, {"name": {"given_names": ["Greta"]}, "source": "archive"}, IMPORT, None, LONG_AGO
    yield "policy.record_inactivity", GRETA, {"threshold": 366}, SWEEP
    yield "policy.record_activity", GRETA, {"kind": "git_commit"}, ADAPTER
    yield "create", INGE, {"name": {"given_names": ["Inge"]}, "source": "portal"}
