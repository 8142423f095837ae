"""The catalogue of events: for every type its current version, its subject and its payload."""

from collections.abc import Mapping
from typing import Final

from domain.event_data import component, identity, lifecycle, onboarding, policy, privacy, relationship
from domain.event_data.base import EventData, EventSpec

_CURRENT: Final = tuple(
    spec
    for family in (lifecycle, identity, component, relationship, onboarding, policy, privacy)
    for spec in family.EVENTS
)

EVENTS: Final[Mapping[str, EventSpec]] = {spec.type: spec for spec in _CURRENT}
SPEC_OF: Final[Mapping[type[EventData], EventSpec]] = {spec.model: spec for spec in _CURRENT}
