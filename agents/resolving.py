"""What a decision has to know of another person, which may be of any partition and of any worker.

Guarantee: it is read from JetStream, the truth, when the decision is taken; a table of another partition is not here, and may be old."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from agents.containment import TRANSIENT
from agents.folding import newest
from agents.reading import EventLog
from domain.command_data.base import CommandData
from domain.command_data.lifecycle import AbsorbPerson, MergePersons
from domain.commands import Command
from domain.person import Person
from domain.resolved import MAX_REDIRECTS, AbsorbSource, MergeTarget, Resolved
from tables.persons import PersonRow


class UnresolvedError(Exception):
    """The stream holds an event of the other person that cannot be folded."""


class PersonResolver:
    """Fills in the resolved facts of commands; those that need none cost one look into a map."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._resolvers: Final[Mapping[type[CommandData], Callable[[Command, Any], Awaitable[Resolved]]]] = {
            MergePersons: self._merge_target,
            AbsorbPerson: self._absorb_source,
        }

    def is_needed(self, command: Command) -> bool:
        """Whether the command rests on facts about another person."""
        return type(command.data) in self._resolvers

    async def resolve(self, command: Command) -> Command:
        """The command with the facts as they are now. Raises UnresolvedError, and errors of the server."""
        resolved = await self._resolvers[type(command.data)](command, command.data)
        return command.model_copy(update={"resolved": resolved})

    async def _merge_target(self, _: Command, data: MergePersons) -> MergeTarget:
        return MergeTarget.of(await self._person(data.target_person_id))

    async def _absorb_source(self, command: Command, data: AbsorbPerson) -> AbsorbSource:
        source = await self._person(data.source_person_id)
        end = source
        for _ in range(MAX_REDIRECTS):
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
