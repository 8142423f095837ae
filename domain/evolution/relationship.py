"""Effects of the events of links to other domains. A link whose id can no longer be read is passed over."""

from domain.event_data.relationship import (
    AgentAssigned,
    AgentUnassigned,
    EmploymentAdded,
    EmploymentEnded,
    EmploymentRoleChanged,
    LocationAssigned,
    LocationRemoved,
)
from domain.events import Event
from domain.evolution.base import changed, effects, without
from domain.person import Person
from domain.personal import Redacted
from domain.relations import AssignedAgent, AssignedLocation, HeldEmployment, location_key

EFFECTS, on = effects()


@on(LocationAssigned)
def _location_assigned(person: Person, data: LocationAssigned, _: Event) -> Person:
    if isinstance(data.location_id, Redacted):
        return person
    key = location_key(data.location_id, data.location_type)
    if key in person.locations:
        return person
    held = person.locations
    if data.is_primary:
        held = {
            other: place.model_copy(update={"is_primary": False}) if place.is_primary else place
            for other, place in held.items()
        }
    return changed(person, locations={**held, key: AssignedLocation.model_construct(**dict(data))})


@on(LocationRemoved)
def _location_removed(person: Person, data: LocationRemoved, _: Event) -> Person:
    gone = [
        key
        for key, place in person.locations.items()
        if place.location_id == data.location_id and data.location_type in (None, place.location_type)
    ]
    return changed(person, locations=without(person.locations, *gone)) if gone else person


@on(EmploymentAdded)
def _employment_added(person: Person, data: EmploymentAdded, _: Event) -> Person:
    if data.employment_id in person.employments:
        return person
    held = person.employments
    if data.is_primary:
        held = {
            other: post.model_copy(update={"is_primary": False}) if post.is_primary else post
            for other, post in held.items()
        }
    return changed(person, employments={**held, data.employment_id: HeldEmployment.model_construct(**dict(data))})


@on(EmploymentEnded)
def _employment_ended(person: Person, data: EmploymentEnded, _: Event) -> Person:
    return _employment_changed(person, data.employment_id, end_date=data.end_date, is_primary=False)


@on(EmploymentRoleChanged)
def _role_changed(person: Person, data: EmploymentRoleChanged, _: Event) -> Person:
    return _employment_changed(person, data.employment_id, role=data.new_role)


@on(AgentAssigned)
def _agent_assigned(person: Person, data: AgentAssigned, _: Event) -> Person:
    if isinstance(data.agent_id, Redacted) or data.agent_id in person.agents:
        return person
    assigned = AssignedAgent.model_construct(
        agent_type=data.agent_type, assignment=data.assignment, permissions=data.permissions
    )
    return changed(person, agents={**person.agents, data.agent_id: assigned})


@on(AgentUnassigned)
def _agent_unassigned(person: Person, data: AgentUnassigned, _: Event) -> Person:
    if isinstance(data.agent_id, Redacted) or data.agent_id not in person.agents:
        return person
    return changed(person, agents=without(person.agents, data.agent_id))


def _employment_changed(person: Person, employment_id: str, **changes: object) -> Person:
    held = person.employments.get(employment_id)
    if held is None:
        return person
    return changed(person, employments={**person.employments, employment_id: held.model_copy(update=changes)})
