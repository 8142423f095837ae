"""Commands on links to identities, locations, organizations and agents. They name foreign ids only."""

from typing import Annotated, Final, Self

from pydantic import model_validator

from domain.command_data.base import CommandData, CommandSpec
from domain.ids import Uuid
from domain.relations import Assignment, EmploymentEnd, EmploymentType, ForeignId, LocationType, VerificationLevel
from domain.times import Day
from domain.values.rules import Flag, Label, Reason, ShortText, Slug, UsableId, broken, on_entry

MAX_PERMISSIONS: Final = 64


def _few(permissions: tuple[str, ...]) -> tuple[str, ...]:
    if len(permissions) > MAX_PERMISSIONS:
        raise broken("permission_count")
    return permissions


class LinkIdentity(CommandData):
    """Link an identity that stands for the person."""

    identity_id: ForeignId
    identity_type: Slug
    verification_level: VerificationLevel = "Unverified"


class UnlinkIdentity(CommandData):
    """Remove the link to an identity."""

    identity_id: ForeignId
    reason: Reason | None = None


class RecordIdentityVerification(CommandData):
    """Record how well a linked identity is verified."""

    identity_id: ForeignId
    verification_level: VerificationLevel


class AssignLocation(CommandData):
    """Link a place in one use."""

    location_id: ForeignId
    location_type: LocationType
    is_primary: Flag = False
    start_date: Day | None = None


class RemoveLocation(CommandData):
    """Remove the link to a place, in one use or in all."""

    location_id: ForeignId
    location_type: LocationType | None = None
    end_date: Day | None = None
    reason: Reason | None = None


class AddEmployment(CommandData):
    """Link a post in an organization."""

    employment_id: UsableId | None = None
    organization_id: ForeignId
    role: Label
    employment_type: EmploymentType = "Other"
    department_id: ForeignId | None = None
    start_date: Day | None = None
    end_date: Day | None = None
    is_primary: Flag = False


class EndEmployment(CommandData):
    """End one post, or every open post in an organization, perhaps in one role only."""

    employment_id: Uuid | None = None
    organization_id: ForeignId | None = None
    role: Label | None = None
    end_date: Day
    reason: EmploymentEnd

    @model_validator(mode="after")
    def _one_way_to_name_it(self) -> Self:
        _require_one_name(self.employment_id, self.organization_id, self.role)
        return self


class ChangeEmploymentRole(CommandData):
    """Change the role in an open post, named by its id, or by its organization and perhaps its role."""

    employment_id: Uuid | None = None
    organization_id: ForeignId | None = None
    old_role: Label | None = None
    new_role: Label
    effective_date: Day

    @model_validator(mode="after")
    def _one_way_to_name_it(self) -> Self:
        _require_one_name(self.employment_id, self.organization_id, self.old_role)
        return self


class AssignAgent(CommandData):
    """Let an agent act for the person."""

    agent_id: ForeignId
    agent_type: Slug
    assignment: Assignment
    permissions: Annotated[tuple[ShortText, ...], on_entry(_few, maxItems=MAX_PERMISSIONS)] = ()


class UnassignAgent(CommandData):
    """Let an agent no longer act for the person."""

    agent_id: ForeignId
    reason: Reason | None = None


def _require_one_name(employment_id: str | None, organization_id: str | None, role: str | None) -> None:
    if (employment_id is None) == (organization_id is None) or (employment_id is not None and role is not None):
        raise broken("employment_id_or_organization_id")


COMMANDS: Final = (
    CommandSpec("relationship.link_identity", LinkIdentity),
    CommandSpec("relationship.unlink_identity", UnlinkIdentity),
    CommandSpec("relationship.record_identity_verification", RecordIdentityVerification),
    CommandSpec("relationship.assign_location", AssignLocation),
    CommandSpec("relationship.remove_location", RemoveLocation),
    CommandSpec("relationship.add_employment", AddEmployment),
    CommandSpec("relationship.end_employment", EndEmployment),
    CommandSpec("relationship.change_employment_role", ChangeEmploymentRole),
    CommandSpec("relationship.assign_agent", AssignAgent),
    CommandSpec("relationship.unassign_agent", UnassignAgent),
)
