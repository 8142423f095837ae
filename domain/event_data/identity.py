"""Events of what identifies a person."""

from typing import Final

from domain.event_data.base import EventData, EventSpec
from domain.personal import OfIdentity, OfProfile
from domain.times import Day
from domain.values.person_name import PersonName


class NameUpdated(EventData):
    """The name changed."""

    old_name: OfIdentity[PersonName] | None = None
    new_name: OfIdentity[PersonName]
    change_reason: OfProfile[str] | None = None


class BirthDateSet(EventData):
    """The birth date became known."""

    birth_date: OfIdentity[Day]


EVENTS: Final[tuple[EventSpec, ...]] = (
    EventSpec("person.name_updated", 2, "identity", "updated", NameUpdated),
    EventSpec("person.birth_date_set", 2, "identity", "birth_date_set", BirthDateSet),
)
