"""The catalogue of events: for every type its current version, its subject and its payload."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from domain import event_data as data
from domain.event_data import EventData
from domain.undecodable import Undecodable

EventDataType = type[EventData]


class EventSpec(NamedTuple):
    """One event type."""

    type: str
    version: int
    context: str
    name: str
    model: EventDataType

    @property
    def title(self) -> str:
        """The event in words, such as ``Component added``."""
        words = re.findall(r"[A-Z][a-z]*", self.model.__name__)
        return " ".join((words[0], *(word.lower() for word in words[1:])))


_CURRENT: Final = (
    EventSpec("person.created", 3, "lifecycle", "created", data.PersonCreated),
    EventSpec("person.activated", 2, "lifecycle", "activated", data.PersonActivated),
    EventSpec("person.suspended", 2, "lifecycle", "suspended", data.PersonSuspended),
    EventSpec("person.archived", 2, "lifecycle", "archived", data.PersonArchived),
    EventSpec("person.death_recorded", 2, "lifecycle", "death_recorded", data.DeathRecorded),
    EventSpec("person.merged", 2, "lifecycle", "merged", data.PersonMerged),
    EventSpec("person.name_updated", 2, "identity", "updated", data.NameUpdated),
    EventSpec("person.birth_date_set", 2, "identity", "birth_date_set", data.BirthDateSet),
    EventSpec("person.onboarding_started", 1, "onboarding", "started", data.OnboardingStarted),
    EventSpec("person.component_added", 3, "component", "added", data.ComponentAdded),
    EventSpec("person.component_updated", 2, "component", "updated", data.ComponentUpdated),
    EventSpec("person.component_removed", 2, "component", "removed", data.ComponentRemoved),
    EventSpec("person.component_primary_changed", 1, "component", "primary_changed", data.ComponentPrimaryChanged),
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
