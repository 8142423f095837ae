"""What this domain asks of its neighbours: the verbs of each domain, and the data that a command of each verb carries.

Data holds ids, dates and catalogue words, never names or addresses of persons."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Final, Literal, NamedTuple, get_args

from pydantic import Field, StringConstraints

from domain.command_data.saga import ArchivalCause, StepName
from domain.components.git_profile import GitProfileComponent
from domain.ids import Uuid
from domain.model import Frozen
from domain.relations import EmploymentEnd, ForeignId, LocationType
from domain.times import Day
from domain.values.rules import Label, NotBlank, Slug

Neighbour = Literal["identity", "organization", "location", "git", "agent"]
NEIGHBOURS: Final[tuple[Neighbour, ...]] = get_args(Neighbour)
"""The neighbouring domains, in the order of the specification."""

Verb = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class OutboundData(Frozen):
    """What every command to a neighbour says. The answer repeats `saga_id` and `person_id`, so that it finds its way back."""

    person_id: Uuid
    """The person that is concerned."""
    saga_id: Uuid | None = None
    """The saga that asks, if one does."""
    saga_person_id: Uuid | None = None
    """The person of the saga, where it is another one."""
    saga_step: StepName | None = None


class RequestVerification(OutboundData):
    """Ask the person to verify an identity."""


class LinkPerson(OutboundData):
    """Link an identity to the person."""

    identity_id: ForeignId
    identity_type: Slug


class UnlinkPerson(OutboundData):
    """Take the link of an identity back; without an identity, every link that was made for the saga."""

    identity_id: ForeignId | None = None


class StartEmployment(OutboundData):
    """Take the person up in an organization."""

    organization_id: ForeignId
    role: Label
    start_date: Day | None = None


class EndEmployment(OutboundData):
    """End the posts of the person in an organization, or one role only."""

    organization_id: ForeignId
    role: Label | None = None
    end_date: Day | None = None
    reason: EmploymentEnd = "Other"


class RequestAssignment(OutboundData):
    """Ask where the person lives or works."""


class AssociatePerson(OutboundData):
    """Associate a place with the person."""

    location_id: ForeignId
    usage: LocationType


class DisassociatePerson(OutboundData):
    """Take the association of a place back; without a place, every association that was made for the saga."""

    location_id: ForeignId | None = None
    usage: LocationType | None = None


class AnalyzeContributions(OutboundData):
    """Find out what the account of a Git profile has contributed."""

    component_id: Uuid
    provider: Annotated[
        str, Field(json_schema_extra={"enum": [*get_args(GitProfileComponent.model_fields["provider"].annotation)]})
    ]
    username: NotBlank


class ReassignPerson(OutboundData):
    """Hand everything of one person over to another; `person_id` is the person that goes."""

    from_person_id: Uuid
    to_person_id: Uuid


class ReleasePerson(OutboundData):
    """Let go of a person who was archived or has died."""

    cause: ArchivalCause
    effective_date: Day | None = None


class ForgetPerson(OutboundData):
    """Forget a person who was erased."""


class OutboundSpec(NamedTuple):
    """One command to a neighbour."""

    domain: Neighbour
    verb: str
    model: type[OutboundData]

    @property
    def type(self) -> str:
        """The type of the envelope, which is the subject too."""
        return f"{self.domain}.commands.{self.verb}"


_OF_ALL: Final[Mapping[str, type[OutboundData]]] = {
    "reassign_person": ReassignPerson,
    "release_person": ReleasePerson,
    "forget_person": ForgetPerson,
}
_OWN: Final[Mapping[Neighbour, Mapping[str, type[OutboundData]]]] = {
    "identity": {
        "request_verification": RequestVerification,
        "link_person": LinkPerson,
        "unlink_person": UnlinkPerson,
    },
    "organization": {"start_employment": StartEmployment, "end_employment": EndEmployment},
    "location": {
        "request_assignment": RequestAssignment,
        "associate_person": AssociatePerson,
        "disassociate_person": DisassociatePerson,
    },
    "git": {"analyze_contributions": AnalyzeContributions},
    "agent": {},
}


def _specs() -> Iterator[OutboundSpec]:
    for domain in NEIGHBOURS:
        for verb, model in {**_OWN[domain], **_OF_ALL}.items():
            yield OutboundSpec(domain, verb, model)


OUTBOUND: Final[Mapping[str, OutboundSpec]] = MappingProxyType({spec.type: spec for spec in _specs()})
"""Commands to neighbours by type, `<domain>.commands.<verb>`."""


def is_outbound(domain: str, verb: str) -> bool:
    """Whether this domain asks a neighbour for something of that name."""
    return f"{domain}.commands.{verb}" in OUTBOUND


def verbs_of(domain: str) -> frozenset[str]:
    """The verbs of one neighbour; none of a domain that is no neighbour."""
    return frozenset(spec.verb for spec in OUTBOUND.values() if spec.domain == domain)
