"""Decides on merging one person into another, and on what that one takes over. Both rest on resolved facts about the other person."""

from domain.absorbing import take_over
from domain.command_data.lifecycle import AbsorbPerson, MergePersons
from domain.commands import Command
from domain.decisions.base import Payloads
from domain.event_data.lifecycle import PersonMerged
from domain.person import Person
from domain.refusals import Refused
from domain.resolved import AbsorbSource, MergeTarget
from domain.status import Status


def merge(command: Command, data: MergePersons, person: Person) -> Payloads:
    """The person refers to the target from now on.

    The append is conditional on the source alone, so the target may end or be erased between the look and the append. That needs no
    repair: the merge is a fact then, an ended target still absorbs, and an erased one takes the source with it. That the target is not
    merged away meanwhile is for whoever looks it up.
    """
    if data.target_person_id == person.person_id:
        raise Refused("self_reference", field="target_person_id")
    target = command.resolved
    assert isinstance(target, MergeTarget)
    if not target.is_fit:
        raise Refused("merge_target_unfit", target=data.target_person_id)
    return (PersonMerged(target_person_id=data.target_person_id, merge_reason=data.merge_reason),)


def absorb(command: Command, data: AbsorbPerson, person: Person) -> Payloads:
    """What the source had and this person lacks; of an erased source nothing is left."""
    if data.source_person_id == person.person_id:
        raise Refused("self_reference", field="source_person_id")
    source = command.resolved
    assert isinstance(source, AbsorbSource)
    if (
        source.person.status is not Status.MERGED_INTO
        or source.redirect != person.person_id
        or source.person.version < data.source_version
    ):
        raise Refused("absorb_source_invalid", source=data.source_person_id)
    if data.source_person_id in person.absorbed:
        raise Refused("already_absorbed", source=data.source_person_id)
    return take_over(command.id, person, source.person, command.now.date())
