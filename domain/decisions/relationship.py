"""Decides on links to other domains."""

from collections.abc import Mapping
from typing import Final

from domain.command_data.base import CommandData
from domain.command_data.relationship import (
    AddEmployment,
    AssignAgent,
    AssignLocation,
    ChangeEmploymentRole,
    EndEmployment,
    LinkIdentity,
    RecordIdentityVerification,
    RemoveLocation,
    UnassignAgent,
    UnlinkIdentity,
)
from domain.commands import Command
from domain.decisions.base import Decision, Payloads, require_order
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
from domain.ids import derive
from domain.person import Person
from domain.refusals import Refused
from domain.relations import HeldEmployment, location_key


def link_identity(_: Command, data: LinkIdentity, person: Person) -> Payloads:
    """An identity that is not linked yet."""
    if data.identity_id in person.identities:
        raise Refused("relation_exists")
    return (IdentityLinked(**dict(data)),)


def unlink_identity(_: Command, data: UnlinkIdentity, person: Person) -> Payloads:
    """An identity that is linked."""
    if data.identity_id not in person.identities:
        raise Refused("relation_not_found")
    return (IdentityUnlinked(**dict(data)),)


def record_identity_verification(_: Command, data: RecordIdentityVerification, person: Person) -> Payloads:
    """Another level than before."""
    linked = person.identities.get(data.identity_id)
    if linked is None:
        raise Refused("relation_not_found")
    if linked.verification_level == data.verification_level:
        raise Refused("no_change")
    return (IdentityVerificationChanged(**dict(data)),)


def assign_location(_: Command, data: AssignLocation, person: Person) -> Payloads:
    """A place in a use it does not have yet."""
    if location_key(data.location_id, data.location_type) in person.locations:
        raise Refused("relation_exists")
    return (LocationAssigned(**dict(data)),)


def remove_location(_: Command, data: RemoveLocation, person: Person) -> Payloads:
    """A place, from one use or from all."""
    if not any(
        place.location_id == data.location_id and data.location_type in (None, place.location_type)
        for place in person.locations.values()
    ):
        raise Refused("relation_not_found")
    return (LocationRemoved(**dict(data)),)


def add_employment(command: Command, data: AddEmployment, person: Person) -> Payloads:
    """A post that is not open yet. An id is used once."""
    require_order(data.start_date, data.end_date, "end_date", "not_before_start_date")
    employment_id = data.employment_id or derive(command.id, "employment")
    same = _open_employments(person, organization_id=data.organization_id, role=data.role)
    if employment_id in person.employments or same:
        raise Refused("relation_exists")
    return (EmploymentAdded(**{**dict(data), "employment_id": employment_id}),)


def end_employment(_: Command, data: EndEmployment, person: Person) -> Payloads:
    """Every open post that is meant, by id."""
    ending = _open_employments(
        person, employment_id=data.employment_id, organization_id=data.organization_id, role=data.role
    )
    if not ending:
        raise Refused("relation_not_found")
    for post in ending:
        require_order(post.start_date, data.end_date, "end_date", "not_before_start_date")
    return tuple(
        EmploymentEnded(employment_id=post.employment_id, end_date=data.end_date, reason=data.reason) for post in ending
    )


def change_employment_role(_: Command, data: ChangeEmploymentRole, person: Person) -> Payloads:
    """Another role in the one open post that is meant."""
    found = _open_employments(
        person, employment_id=data.employment_id, organization_id=data.organization_id, role=data.old_role
    )
    if not found:
        raise Refused("relation_not_found")
    if len(found) > 1:
        raise Refused("relation_ambiguous", employment_ids=[post.employment_id for post in found])
    (post,) = found
    if post.role == data.new_role:
        raise Refused("no_change")
    return (
        EmploymentRoleChanged(
            employment_id=post.employment_id,
            old_role=post.role,
            new_role=data.new_role,
            effective_date=data.effective_date,
        ),
    )


def assign_agent(_: Command, data: AssignAgent, person: Person) -> Payloads:
    """An agent beside those that share the person. An exclusive one is alone."""
    held = person.agents
    exclusive = data.assignment == "Exclusive" or any(agent.assignment == "Exclusive" for agent in held.values())
    if data.agent_id in held or (held and exclusive):
        raise Refused("relation_exists")
    return (AgentAssigned(**dict(data)),)


def unassign_agent(_: Command, data: UnassignAgent, person: Person) -> Payloads:
    """An agent that is assigned."""
    if data.agent_id not in person.agents:
        raise Refused("relation_not_found")
    return (AgentUnassigned(**dict(data)),)


def _open_employments(
    person: Person, *, employment_id: str | None = None, organization_id: str | None = None, role: str | None = None
) -> list[HeldEmployment]:
    """The open posts that fit everything that is given, by id."""
    return [
        post
        for _, post in sorted(person.employments.items())
        if post.is_open
        and employment_id in (None, post.employment_id)
        and organization_id in (None, post.organization_id)
        and role in (None, post.role)
    ]


DECISIONS: Final[Mapping[type[CommandData], Decision]] = {
    LinkIdentity: link_identity,
    UnlinkIdentity: unlink_identity,
    RecordIdentityVerification: record_identity_verification,
    AssignLocation: assign_location,
    RemoveLocation: remove_location,
    AddEmployment: add_employment,
    EndEmployment: end_employment,
    ChangeEmploymentRole: change_employment_role,
    AssignAgent: assign_agent,
    UnassignAgent: unassign_agent,
}
