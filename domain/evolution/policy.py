"""Effects of the events of activity, notifications and quality.

ActivityRecorded and SkillsAnalyzed have none of their own: activity moves with every event, and a skill is a component.
"""

from domain.event_data.policy import NotificationRequested, PersonInactiveFor, QualityCleared, QualityFlagged
from domain.events import Event
from domain.evolution.base import changed, effects
from domain.person import Person, notification_key
from domain.standing import QualityFlag

EFFECTS, on = effects()


@on(PersonInactiveFor)
def _inactive(person: Person, data: PersonInactiveFor, _: Event) -> Person:
    return changed(person, inactivity_reported=data.threshold)


@on(NotificationRequested)
def _notified(person: Person, data: NotificationRequested, _: Event) -> Person:
    return changed(person, notifications=person.notifications | {notification_key(data.template, data.key)})


@on(QualityFlagged)
def _flagged(person: Person, data: QualityFlagged, _: Event) -> Person:
    flag = QualityFlag.model_construct(flag=data.flag, component_id=data.component_id)
    return changed(person, quality={**person.quality, data.flag_id: flag})


@on(QualityCleared)
def _cleared(person: Person, data: QualityCleared, _: Event) -> Person:
    if data.flag_id not in person.quality:
        return person
    return changed(person, quality={key: flag for key, flag in person.quality.items() if key != data.flag_id})
