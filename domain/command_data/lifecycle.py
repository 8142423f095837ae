"""Commands that create, rename and end persons."""

from typing import Final, Self

from pydantic import model_validator

from domain.command_data.base import SAGAS, CommandData, CommandSpec
from domain.envelope import Ordinal
from domain.event_data.lifecycle import MergeReason
from domain.ids import Uuid
from domain.times import Day
from domain.values.person_name import PersonName
from domain.values.rules import Flag, Reason, ShortText, broken


class CreatePerson(CommandData):
    """Create a person, Active at once or Draft with an onboarding run."""

    name: PersonName
    source: ShortText
    source_system: ShortText | None = None
    import_id: ShortText | None = None
    birth_date: Day | None = None
    onboarding: Flag = False


class UpdatePerson(CommandData):
    """Change the name, or add the birth date."""

    name: PersonName | None = None
    birth_date: Day | None = None
    change_reason: Reason | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.name is None and self.birth_date is None:
            raise broken("name_or_birth_date")
        return self


class SuspendPerson(CommandData):
    """Hide the person until reactivation."""

    reason: Reason


class ReactivatePerson(CommandData):
    """End a suspension."""

    reason: Reason


class ArchivePerson(CommandData):
    """Archive the person for good."""

    reason: Reason


class RecordDeath(CommandData):
    """Record the death of the person."""

    date_of_death: Day


class MergePersons(CommandData):
    """Merge the person, the source, into another. What the target is like is looked up; a client cannot say it."""

    target_person_id: Uuid
    merge_reason: MergeReason


class AbsorbPerson(CommandData):
    """Take over what a person had that was merged into this one. The source is looked up; a client cannot say it."""

    source_person_id: Uuid
    source_version: Ordinal


COMMANDS: Final = (
    CommandSpec("create", CreatePerson),
    CommandSpec("update", UpdatePerson),
    CommandSpec("lifecycle.suspend", SuspendPerson),
    CommandSpec("lifecycle.reactivate", ReactivatePerson),
    CommandSpec("lifecycle.archive", ArchivePerson),
    CommandSpec("lifecycle.record_death", RecordDeath),
    CommandSpec("merge", MergePersons),
    CommandSpec("lifecycle.absorb", AbsorbPerson, SAGAS),
)
