"""The catalogue of events: for every type its current version, its subject and its payload."""

from collections.abc import Mapping
from typing import Final

from domain.event_data import component, identity, lifecycle, onboarding, policy, privacy, relationship
from domain.event_data.base import EventData, EventSpec
from domain.undecodable import Undecodable

_CURRENT: Final = tuple(
    spec
    for family in (lifecycle, identity, component, relationship, onboarding, policy, privacy)
    for spec in family.EVENTS
)

EVENTS: Final[Mapping[str, EventSpec]] = {spec.type: spec for spec in _CURRENT}
SPEC_OF: Final[Mapping[type[EventData], EventSpec]] = {spec.model: spec for spec in _CURRENT}


def current_spec(event_type: object, version: object) -> EventSpec:
    """Specification of a stored event. The one place where an older version would find its way up."""
    spec = EVENTS.get(event_type) if isinstance(event_type, str) else None
    if spec is None:
        raise Undecodable("unknown_type", "type is not in the catalogue")
    if type(version) is not int or version < 1:
        raise Undecodable("undecodable", "dataversion: integer")
    if version > spec.version:
        raise Undecodable("unknown_version", f"{spec.type} {version} is newer than {spec.version}")
    if version < spec.version:
        raise Undecodable("no_upcast_path", f"{spec.type} {version} has no way to {spec.version}")
    return spec
