"""Events of activity, analysed skills, notifications and quality."""

from typing import Final

from pydantic import ConfigDict, Field, StrictInt

from domain.components.skill import Proficiency
from domain.event_data.base import EventData, EventSpec
from domain.ids import Uuid
from domain.model import Frozen
from domain.personal import OfProfile
from domain.standing import NotificationChannel, NotificationPurpose
from domain.times import Instant
from domain.values.rules import Number


class ActivityRecorded(EventData):
    """The person was active somewhere else."""

    kind: str


class PersonInactiveFor(EventData):
    """Nothing was heard of the person for so many whole days."""

    days: StrictInt
    threshold: StrictInt
    last_activity_at: Instant


class DerivedSkill(Frozen):
    """A skill that Git profiles show."""

    name: str
    proficiency: Proficiency


class RecommendedSkill(Frozen):
    """A skill that goes with a shown one; `confidence` is between 0 and 1."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    name: str
    confidence: Number
    source: str = Field(alias="from")


class SkillAnalysis(Frozen):
    """What an analysis of Git profiles found."""

    derived: tuple[DerivedSkill, ...] = ()
    recommended: tuple[RecommendedSkill, ...] = ()


class SkillsAnalyzed(EventData):
    """Git profiles were analysed."""

    git_component_ids: tuple[Uuid, ...]
    result: OfProfile[SkillAnalysis]


class NotificationRequested(EventData):
    """The person is to be notified; `key` tells notifications of one template apart."""

    notification_id: Uuid
    template: str
    key: str
    purpose: NotificationPurpose = "Service"
    channel: NotificationChannel
    component_id: Uuid | None = None


class QualityFlagged(EventData):
    """Something about the person needs a look."""

    flag_id: Uuid
    flag: str
    component_id: Uuid | None = None


class QualityCleared(EventData):
    """A flag was dealt with."""

    flag_id: Uuid


EVENTS: Final[tuple[EventSpec, ...]] = (
    EventSpec("person.activity_recorded", 1, "policy", "activity_recorded", ActivityRecorded),
    EventSpec("person.inactive_for", 1, "policy", "inactive_for", PersonInactiveFor),
    EventSpec("person.skills_analyzed", 1, "policy", "skills_analyzed", SkillsAnalyzed),
    EventSpec("person.notification_requested", 1, "policy", "notification_requested", NotificationRequested),
    EventSpec("person.quality_flagged", 1, "policy", "quality_flagged", QualityFlagged),
    EventSpec("person.quality_cleared", 1, "policy", "quality_cleared", QualityCleared),
)
