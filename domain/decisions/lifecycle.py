"""Decides on creating, renaming and ending persons."""

from collections.abc import Mapping
from typing import Final

from domain.command_data.base import CommandData
from domain.command_data.lifecycle import (
    AbsorbPerson,
    ArchivePerson,
    CreatePerson,
    MergePersons,
    ReactivatePerson,
    RecordDeath,
    SuspendPerson,
    UpdatePerson,
)
from domain.commands import Command
from domain.decisions.base import Decision, Payloads, require_not_in_future
from domain.decisions.merging import absorb, merge
from domain.event_data.base import EventData
from domain.event_data.identity import BirthDateSet, NameUpdated
from domain.event_data.lifecycle import (
    DeathRecorded,
    PersonActivated,
    PersonArchived,
    PersonCreated,
    PersonSuspended,
)
from domain.event_data.onboarding import OnboardingStarted
from domain.ids import derive
from domain.onboarding import STEPS
from domain.person import Person
from domain.personal import Redacted
from domain.refusals import Refused
from domain.status import Status


def create(command: Command, data: CreatePerson, _: Person) -> Payloads:
    """The person, and at once what else is known."""
    if data.birth_date is not None:
        require_not_in_future(data.birth_date, command, "birth_date")
    payloads: list[EventData] = [
        PersonCreated(
            name=data.name,
            source=data.source,
            source_system=data.source_system,
            import_id=data.import_id,
            onboarding=data.onboarding,
        )
    ]
    if data.birth_date is not None:
        payloads.append(BirthDateSet(birth_date=data.birth_date))
    if data.onboarding:
        onboarding_id = derive(command.id, "onboarding")
        payloads.append(OnboardingStarted(onboarding_id=onboarding_id, run=1, steps=STEPS))
    return tuple(payloads)


def update(command: Command, data: UpdatePerson, person: Person) -> Payloads:
    """A name that differs, and a birth date that was unknown."""
    payloads: list[EventData] = []
    if data.name is not None and data.name != person.name:
        # A name that can no longer be read is not written into a new event.
        old_name = None if isinstance(person.name, Redacted) else person.name
        payloads.append(NameUpdated(old_name=old_name, new_name=data.name, change_reason=data.change_reason))
    if data.birth_date is not None and data.birth_date != person.birth_date:
        if person.birth_date is not None:
            raise Refused("birth_date_already_set")
        require_not_in_future(data.birth_date, command, "birth_date")
        payloads.append(BirthDateSet(birth_date=data.birth_date))
    if not payloads:
        raise Refused("no_change")
    return tuple(payloads)


def suspend(_: Command, data: SuspendPerson, __: Person) -> Payloads:
    """Hidden until reactivation."""
    return (PersonSuspended(reason=data.reason),)


def reactivate(_: Command, data: ReactivatePerson, __: Person) -> Payloads:
    """Active again."""
    return (PersonActivated(reason=data.reason),)


def archive(_: Command, data: ArchivePerson, person: Person) -> Payloads:
    """Archived, unless an onboarding still has to be finished or undone."""
    run = person.onboarding
    if person.status is Status.DRAFT and (run is None or not run.is_undone):
        raise Refused("onboarding_in_progress")
    return (PersonArchived(reason=data.reason),)


def record_death(command: Command, data: RecordDeath, person: Person) -> Payloads:
    """The death, not before the birth."""
    require_not_in_future(data.date_of_death, command, "date_of_death")
    born = person.birth_date
    if born is not None and not isinstance(born, Redacted) and data.date_of_death < born:
        raise Refused("invalid_date", field="date_of_death", rule="not_before_birth")
    return (DeathRecorded(date_of_death=data.date_of_death),)


DECISIONS: Final[Mapping[type[CommandData], Decision]] = {
    CreatePerson: create,
    UpdatePerson: update,
    SuspendPerson: suspend,
    ReactivatePerson: reactivate,
    ArchivePerson: archive,
    RecordDeath: record_death,
    MergePersons: merge,
    AbsorbPerson: absorb,
}
