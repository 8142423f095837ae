"""What the agent domain says: agents that act for persons, and that they dealt with them."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import AliasChoices, Field

from domain.command_data.relationship import MAX_PERMISSIONS
from domain.foreign import ForeignEvent, ForeignSlug, OfPerson, at_most, word_of
from domain.links import Link
from domain.relations import Assignment, ForeignId
from domain.translate.rule import InboundSpec, KnownPerson, Wish
from domain.values.rules import ShortText


class OfAgent(OfPerson):
    """About one agent."""

    agent_id: ForeignId


class AgentAssigned(OfAgent):
    """An agent acts for a person."""

    agent_type: ForeignSlug = Field("other", validation_alias=AliasChoices("type", "agent_type"))
    assignment: Annotated[Assignment, word_of(Assignment)] = "Shared"
    permissions: Annotated[tuple[ShortText, ...], at_most(MAX_PERMISSIONS)] = ()


class AgentActive(OfPerson):
    """An agent dealt with a person; an event that names the person need not name the agent."""

    agent_id: ForeignId | None = None


def _assigned(_: ForeignEvent, data: AgentAssigned, __: KnownPerson) -> Sequence[Wish]:
    asked = {
        "agent_id": data.agent_id,
        "agent_type": data.agent_type,
        "assignment": data.assignment,
        "permissions": list(data.permissions),
    }
    return (Wish("assign_agent", "relationship.assign_agent", asked),)


def _unassigned(_: ForeignEvent, data: OfAgent, __: KnownPerson) -> Sequence[Wish]:
    return (Wish("unassign_agent", "relationship.unassign_agent", {"agent_id": data.agent_id}),)


def _interacted(_: ForeignEvent, __: AgentActive, ___: KnownPerson) -> Sequence[Wish]:
    return (Wish("record_activity", "policy.record_activity", {"kind": "agent_interaction"}),)


def _agent(data: Any) -> Link | None:
    return None if data.agent_id is None else Link("agent", data.agent_id)


INBOUND: Final = (
    InboundSpec("agent.assigned_to_person", AgentAssigned, "named", _assigned, _agent),
    InboundSpec("agent.unassigned", OfAgent, "linked", _unassigned, _agent),
    InboundSpec("agent.interaction_completed", AgentActive, "linked", _interacted, _agent, ordered=False),
)
IGNORED: Final = frozenset({"agent.created", "agent.learned_from_person"})
