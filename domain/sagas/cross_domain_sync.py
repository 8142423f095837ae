"""CrossDomainSync: an identity, a location and an employment of a person, all three or none, across the domains that own them.

The owner's event comes back through the adapter and becomes the person event that a step awaits, so there is one way in."""

from datetime import timedelta
from typing import Final

from domain.person import Person
from domain.sagas.definition import PersonEvent, SagaDefinition, Send, Signals, Step, Undo, look_up
from domain.sagas.state import Saga

LINK_TIME: Final = timedelta(seconds=60)


def is_identity_linked(saga: Saga, person: Person) -> bool:
    """Whether the identity stands for the person already."""
    return look_up("=data.identity.identity_id", saga) in person.identities


def is_location_assigned(saga: Saga, person: Person) -> bool:
    """Whether the place serves the person already, in the use that is asked for."""
    wanted = (look_up("=data.location.location_id", saga), look_up("=data.location.location_type", saga))
    return any((one.location_id, one.location_type) == wanted for one in person.locations.values())


def is_employed(saga: Saga, person: Person) -> bool:
    """Whether the person has the post already, and still."""
    wanted = (look_up("=data.employment.organization_id", saga), look_up("=data.employment.role", saga))
    return any(one.is_open and (one.organization_id, one.role) == wanted for one in person.employments.values())


def _undo(verb: str, data: dict[str, str]) -> Undo:
    return Undo(
        sends=(Send("undo", verb, dict(data)),),
        awaits=Signals("undone"),
        timeout=LINK_TIME,
    )


DEFINITION: Final = SagaDefinition(
    name="cross_domain_sync",
    title="CrossDomainSync",
    purpose="links a person in the identity, location and organization domains as one transaction",
    starts_on=None,
    steps=(
        Step(
            name="identity",
            only_with="identity",
            sends=(
                Send(
                    "link",
                    "identity.commands.link_person",
                    {"identity_id": "=data.identity.identity_id", "identity_type": "=data.identity.identity_type"},
                ),
            ),
            awaits=PersonEvent("person.identity_linked", {"identity_id": "=data.identity.identity_id"}),
            timeout=LINK_TIME,
            undo=_undo("identity.commands.unlink_person", {"identity_id": "=data.identity.identity_id"}),
            already=is_identity_linked,
        ),
        Step(
            name="location",
            only_with="location",
            sends=(
                Send(
                    "associate",
                    "location.commands.associate_person",
                    {"location_id": "=data.location.location_id", "usage": "=data.location.location_type"},
                ),
            ),
            awaits=PersonEvent("person.location_assigned", {"location_id": "=data.location.location_id"}),
            timeout=LINK_TIME,
            undo=_undo(
                "location.commands.disassociate_person",
                {"location_id": "=data.location.location_id", "usage": "=data.location.location_type"},
            ),
            already=is_location_assigned,
        ),
        Step(
            name="employment",
            only_with="employment",
            sends=(
                Send(
                    "start",
                    "organization.commands.start_employment",
                    {
                        "organization_id": "=data.employment.organization_id",
                        "role": "=data.employment.role",
                        "start_date": "=data.employment.start_date",
                    },
                ),
            ),
            awaits=PersonEvent(
                "person.employment_added",
                {"organization_id": "=data.employment.organization_id", "role": "=data.employment.role"},
            ),
            timeout=LINK_TIME,
            undo=_undo(
                "organization.commands.end_employment",
                {
                    "organization_id": "=data.employment.organization_id",
                    "role": "=data.employment.role",
                    # The post is taken back, so it lasts no day.
                    "end_date": "=data.employment.start_date",
                    "reason": "Rollback",
                },
            ),
            already=is_employed,
        ),
    ),
)
