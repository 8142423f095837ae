"""Events of the life of a person: created, in use, ended, merged."""

from typing import Final, Literal

from pydantic import StrictInt

from domain.event_data.base import EventData, EventSpec
from domain.ids import Uuid
from domain.model import Frozen
from domain.personal import OfIdentity, OfProfile
from domain.times import Day
from domain.values.person_name import PersonName
from domain.values.rules import Flag

MergeReason = Literal["DuplicateIdentity", "DataQualityIssue", "UserRequested", "PolicyDetermined"]


class PersonCreated(EventData):
    """The person exists from now on."""

    name: OfIdentity[PersonName]
    source: str
    source_system: str | None = None
    import_id: str | None = None
    onboarding: Flag = False


class PersonActivated(EventData):
    """The person became Active."""

    reason: OfProfile[str]


class PersonSuspended(EventData):
    """The person was suspended: hidden, nothing deleted."""

    reason: OfProfile[str]


class PersonArchived(EventData):
    """The person was archived for good."""

    reason: OfProfile[str]


class DeathRecorded(EventData):
    """The death of the person became known."""

    date_of_death: OfIdentity[Day]


class PersonMerged(EventData):
    """The person was merged into another and refers to it."""

    target_person_id: Uuid
    merge_reason: MergeReason


class AbsorbedComponent(Frozen):
    """A component of the absorbed person, and the one of this person that stands for it now."""

    source_component_id: Uuid
    component_id: Uuid


class PersonAbsorbed(EventData):
    """What another person had was taken over. `skipped` had a counterpart here already; what may not be taken over is in neither list."""

    source_person_id: Uuid
    source_version: StrictInt
    moved: tuple[AbsorbedComponent, ...] = ()
    skipped: tuple[AbsorbedComponent, ...] = ()


EVENTS: Final[tuple[EventSpec, ...]] = (
    EventSpec("person.created", 3, "lifecycle", "created", PersonCreated),
    EventSpec("person.activated", 2, "lifecycle", "activated", PersonActivated),
    EventSpec("person.suspended", 2, "lifecycle", "suspended", PersonSuspended),
    EventSpec("person.archived", 2, "lifecycle", "archived", PersonArchived),
    EventSpec("person.death_recorded", 2, "lifecycle", "death_recorded", DeathRecorded),
    EventSpec("person.merged", 2, "lifecycle", "merged", PersonMerged),
    EventSpec("person.absorbed", 1, "lifecycle", "absorbed", PersonAbsorbed),
)
