"""The node of a person in the network of persons, with the edges that the person holds (domain.md 16.5).

A merged person is a redirect without edges: they return as components of the target. An erased person has no node. Edges that others
hold are theirs; whoever asks for a network joins both sides and follows the redirects, so the order of merge and edge does not matter.
"""

from typing import Final

from pydantic import JsonValue

from domain.components.relationship import RelationshipComponent
from domain.event_data.component import ComponentAdded, ComponentRemoved, ComponentUpdated
from domain.event_data.identity import NameUpdated
from domain.event_data.lifecycle import PersonCreated
from domain.event_data.privacy import PersonErased
from domain.person import Person
from domain.views.changed_by import STATUS_EVENTS, about, every
from domain.views.model import RenderedModel
from domain.views.portrait import Held, Portrait, Row, portrait_of
from domain.views.summary import instant


def render_network(person: Person | Portrait) -> Row | None:
    """The node row; edges are ordered by age."""
    seen = portrait_of(person)
    state = seen.person
    if not state.exists or state.is_erased:
        return None
    merged = state.merged_into is not None
    return {
        "person_id": state.person_id,
        "status": state.status.value,
        "display_name": None if merged else seen.display_name,
        "redirect_to": state.merged_into,
        "edges": [] if merged else [_edge(state.person_id, held) for held in seen.held(RelationshipComponent)],
    }


def _edge(owner: str, held: Held[RelationshipComponent]) -> JsonValue:
    tie = held.data
    return {
        "owner": owner,
        "other": tie.other_person_id,
        "type": tie.relationship_type,
        "strength": tie.strength,
        "start_date": tie.start_date.isoformat() if tie.start_date else None,
        "end_date": tie.end_date.isoformat() if tie.end_date else None,
        "last_interaction": instant(tie.last_interaction),
        "interaction_count": tie.interaction_count,
        "component_id": held.component.component_id,
    }


MODEL: Final = RenderedModel(
    "network",
    {
        **about("Relationship", ComponentAdded, ComponentUpdated, ComponentRemoved),
        **every(PersonCreated, NameUpdated, *STATUS_EVENTS, PersonErased),
    },
    render_network,
)
