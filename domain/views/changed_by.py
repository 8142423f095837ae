"""Which events change which read model, as data: what is not listed leaves the rows of the model as they are.

Guarantee: a model lists every event that can change what it shows; rendering the state after any other event gives the same row.
"""

from collections.abc import Mapping
from typing import Final

from domain.event_catalogue import EVENTS
from domain.event_data.base import EventData
from domain.event_data.lifecycle import (
    DeathRecorded,
    PersonActivated,
    PersonArchived,
    PersonMerged,
    PersonSuspended,
)
from domain.events import Became

ChangedBy = Mapping[type[EventData], frozenset[str] | None]
"""Payloads that change a model: all of them, or only those about components of some types."""


def of_contexts(*contexts: str) -> tuple[type[EventData], ...]:
    """All events of some subject contexts."""
    return tuple(spec.model for spec in EVENTS.values() if spec.context in contexts)


def every(*events: type[EventData]) -> ChangedBy:
    """Some events, whatever they carry."""
    return dict.fromkeys(events, None)


def about(component_type: str, *events: type[EventData]) -> ChangedBy:
    """Some events, as far as they concern components of a type."""
    return dict.fromkeys(events, frozenset({component_type}))


def changes(model: ChangedBy, data: EventData) -> bool:
    """Whether an event changes a model. An event that does not say which type it concerns may concern any."""
    types = model.get(type(data), NEVER)
    if types is None:
        return True
    if not types:
        return isinstance(data, Became) and any(changes(model, part.data) for part in data.parts)
    component_type = getattr(data, "component_type", None)
    return component_type is None or component_type in types


NEVER: Final[frozenset[str]] = frozenset()
"""Of an event that is not listed."""

STATUS_EVENTS: Final = (PersonActivated, PersonSuspended, PersonArchived, DeathRecorded, PersonMerged)
"""Events that change the status of a person that exists."""

COMPONENT_EVENTS: Final = of_contexts("component")
"""All events about components."""
