"""What the organization domain says: who joined, left or changed a role, and which organization is no more."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import AliasChoices, Field

from domain.foreign import ForeignDay, ForeignEvent, OfPerson, word_of
from domain.links import Link
from domain.relations import EmploymentEnd, EmploymentType, ForeignId
from domain.translate.rule import InboundSpec, KnownPerson, Wish
from domain.values.rules import Label


class OfOrganization(OfPerson):
    """About one organization."""

    organization_id: ForeignId


class PersonJoined(OfOrganization):
    """A person has a post now."""

    role: Label
    department_id: ForeignId | None = None
    employment_type: Annotated[EmploymentType, word_of(EmploymentType, "Other")] = "Other"
    start_date: ForeignDay | None = None


class PersonLeft(OfOrganization):
    """A person has left a post, or every post without a role."""

    role: Label | None = None
    end_date: ForeignDay | None = None
    reason: Annotated[EmploymentEnd, word_of(EmploymentEnd, "Other")] = "Other"


class PersonRoleChanged(OfOrganization):
    """A person has another role in its post."""

    old_role: Label | None = None
    new_role: Label
    effective_date: ForeignDay | None = None


class OrganizationDissolved(OfOrganization):
    """An organization is no more."""

    end_date: ForeignDay | None = Field(
        None, validation_alias=AliasChoices("end_date", "dissolved_on", "effective_date")
    )


def _joined(_: ForeignEvent, data: PersonJoined, __: KnownPerson) -> Sequence[Wish]:
    asked = {
        "organization_id": data.organization_id,
        "role": data.role,
        "employment_type": data.employment_type,
        "department_id": data.department_id,
        "start_date": data.start_date,
    }
    return (Wish("add_employment", "relationship.add_employment", asked),)


def _left(event: ForeignEvent, data: PersonLeft, _: KnownPerson) -> Sequence[Wish]:
    asked = {
        "organization_id": data.organization_id,
        "role": data.role,
        "end_date": data.end_date or event.day,
        "reason": data.reason,
    }
    return (Wish("end_employment", "relationship.end_employment", asked),)


def _role_changed(event: ForeignEvent, data: PersonRoleChanged, _: KnownPerson) -> Sequence[Wish]:
    asked = {
        "organization_id": data.organization_id,
        "old_role": data.old_role,
        "new_role": data.new_role,
        "effective_date": data.effective_date or event.day,
    }
    return (Wish("change_employment_role", "relationship.change_employment_role", asked),)


def _dissolved(event: ForeignEvent, data: OrganizationDissolved, _: KnownPerson) -> Sequence[Wish]:
    asked = {
        "organization_id": data.organization_id,
        "end_date": data.end_date or event.day,
        "reason": "OrganizationDissolved",
    }
    return (Wish("end_employment", "relationship.end_employment", asked),)


def _organization(data: Any) -> Link:
    return Link("organization", data.organization_id)


INBOUND: Final = (
    # Many have a post there, so the organization tells nobody apart.
    InboundSpec("organization.person_joined", PersonJoined, "named", _joined, _organization),
    InboundSpec("organization.person_left", PersonLeft, "named", _left, _organization),
    InboundSpec("organization.person_role_changed", PersonRoleChanged, "named", _role_changed, _organization),
    InboundSpec("organization.dissolved", OrganizationDissolved, "everybody", _dissolved, _organization),
)
IGNORED: Final = frozenset({"organization.created", "organization.role_created"})
