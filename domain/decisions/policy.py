"""Decides on activity, notifications and quality."""

from collections.abc import Mapping
from typing import Final

from domain.command_data.base import CommandData
from domain.command_data.policy import ClearQuality, FlagQuality, RecordActivity, RecordInactivity, RequestNotification
from domain.commands import Command
from domain.decisions.base import Decision, Payloads
from domain.decisions.component_guards import held_component, is_granted
from domain.event_data.policy import (
    ActivityRecorded,
    NotificationRequested,
    PersonInactiveFor,
    QualityCleared,
    QualityFlagged,
)
from domain.ids import derive
from domain.person import Person, notification_key
from domain.refusals import Refused
from domain.standing import QualityFlag


def record_activity(command: Command, data: RecordActivity, person: Person) -> Payloads:
    """Activity, once a day."""
    last = person.last_activity_at
    if last is not None and last.date() >= command.now.date():
        raise Refused("no_change")
    return (ActivityRecorded(kind=data.kind),)


def record_inactivity(command: Command, data: RecordInactivity, person: Person) -> Payloads:
    """The true number of days, once for each threshold of a quiet period."""
    last = person.last_activity_at or person.created_at
    assert last is not None
    days = (command.now - last).days
    if days < data.threshold:
        raise Refused("not_inactive", days=days, threshold=data.threshold)
    if data.threshold <= person.inactivity_reported:
        raise Refused("already_reported", reported=person.inactivity_reported)
    return (PersonInactiveFor(days=days, threshold=data.threshold, last_activity_at=last),)


def request_notification(command: Command, data: RequestNotification, person: Person) -> Payloads:
    """A notification, once for each template and key; an advertisement needs consent."""
    if data.component_id is not None:
        held_component(person, data.component_id)
    if data.purpose == "Marketing" and not is_granted(person.consents, "marketing"):
        raise Refused("consent_required", consent_type="marketing")
    if notification_key(data.template, data.key) in person.notifications:
        raise Refused("already_notified", template=data.template)
    return (
        NotificationRequested(
            notification_id=derive(command.id, "notification"),
            template=data.template,
            key=data.key,
            purpose=data.purpose,
            channel=data.channel,
            component_id=data.component_id,
        ),
    )


def flag_quality(command: Command, data: FlagQuality, person: Person) -> Payloads:
    """A flag, of which one is open at a time for the person or for each component."""
    if data.component_id is not None:
        held_component(person, data.component_id)
    if QualityFlag(flag=data.flag, component_id=data.component_id) in person.quality.values():
        raise Refused("no_change")
    flag_id = derive(command.id, "flag")
    return (QualityFlagged(flag_id=flag_id, flag=data.flag, component_id=data.component_id),)


def clear_quality(_: Command, data: ClearQuality, person: Person) -> Payloads:
    """The flag is closed."""
    if data.flag_id not in person.quality:
        raise Refused("flag_not_found", flag_id=data.flag_id)
    return (QualityCleared(flag_id=data.flag_id),)


DECISIONS: Final[Mapping[type[CommandData], Decision]] = {
    RecordActivity: record_activity,
    RecordInactivity: record_inactivity,
    RequestNotification: request_notification,
    FlagQuality: flag_quality,
    ClearQuality: clear_quality,
}
