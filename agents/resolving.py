"""What a decision has to know of another person, which may be of any partition and of any worker.

Guarantee: it is read from JetStream, the truth, when the decision is taken; a table of another partition is not here, and may be old. The
target of a merge is looked at only while nobody else is about to merge it away."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from agents.containment import TRANSIENT
from agents.folding import newest
from agents.merge_intents import MergeIntents, Patience
from agents.reading import EventLog
from domain.command_data.base import CommandData
from domain.command_data.lifecycle import AbsorbPerson, MergePersons
from domain.commands import Command
from domain.person import Person
from domain.resolved import MAX_REDIRECTS, AbsorbSource, MergeTarget, Resolved
from tables.persons import PersonRow


class UnresolvedError(Exception):
    """The command cannot be decided now: the stream holds an event of a person that cannot be folded."""

    code = "unavailable"
    reason = "an event of the other person cannot be read"


class MendedSourceError(UnresolvedError):
    """An operator has taken an event of the source out of the way of its own lane; whoever absorbs it would meet that event."""

    reason = "an event of the person was discarded or edited, so that no other person can take over what it has"


class ContestedError(UnresolvedError):
    """The target of a merge may be merged away itself at this moment."""

    code = "conflict"
    reason = "the target may be about to be merged itself"


class PersonResolver:
    """Fills in the resolved facts of commands; those that need none cost one look into a map."""

    def __init__(self, log: EventLog, intents: MergeIntents) -> None:
        self._log = log
        self._intents = intents
        self._resolvers: Final[Mapping[type[CommandData], Callable[[Command, Any, Patience], Awaitable[Resolved]]]] = {
            MergePersons: self._merge_target,
            AbsorbPerson: self._absorb_source,
        }

    def is_needed(self, command: Command) -> bool:
        """Whether the command rests on facts about another person."""
        return type(command.data) in self._resolvers

    async def resolve(self, command: Command, patience: Patience, *, is_mended: bool = False) -> Command:
        """The command with the facts as they are now; `is_mended` tells that events of its own person were discarded or edited.

        `patience` is that of the cycle, and gets less where the command waits. Raises UnresolvedError, and errors of the server.
        """
        if is_mended and isinstance(command.data, MergePersons):
            await self._check_source(command.person_id)
        resolved = await self._resolvers[type(command.data)](command, command.data, patience)
        return command.model_copy(update={"resolved": resolved})

    def may_be_merged(self, person_id: str) -> bool:
        """Whether a cycle that was cut off may have appended a merge of the person that is stored only later. To be asked before `resolve`."""
        return self._intents.may_be_merged(person_id)

    async def release(self, person_id: str) -> None:
        """Say that the commands of a person are decided, once it is known what came of them. Raises errors of the server."""
        await self._intents.withdraw(person_id)

    async def _merge_target(self, command: Command, data: MergePersons, patience: Patience) -> MergeTarget:
        await self._intents.announce(command.person_id, command.id)
        if data.target_person_id != command.person_id and not await self._intents.is_free(
            command.person_id, data.target_person_id, patience
        ):
            raise ContestedError
        return MergeTarget.model_construct(person=await self._person(data.target_person_id))

    async def _check_source(self, person_id: str) -> None:
        try:
            await self._person(person_id)
        except UnresolvedError as error:
            raise MendedSourceError from error

    async def _absorb_source(self, command: Command, data: AbsorbPerson, _: Patience) -> AbsorbSource:
        source = await self._person(data.source_person_id)
        end = source
        for _redirect in range(MAX_REDIRECTS):
            if end.merged_into is None:
                break
            if end.merged_into == command.person_id:
                # Whether this person was merged itself is decided on its own state.
                return AbsorbSource.model_construct(person=source, redirect=command.person_id)
            end = await self._person(end.merged_into)
        return AbsorbSource.model_construct(person=source, redirect=end.person_id)

    async def _person(self, person_id: str) -> Person:
        try:
            return (await newest(self._log, PersonRow.new(person_id), ())).person
        except TRANSIENT:
            raise
        except Exception as error:
            raise UnresolvedError from error
