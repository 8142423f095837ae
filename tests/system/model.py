"""The pure model of the installation: the same bytes in the same order per person, without lanes, tables, servers and time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson

from domain.command_address import command_address
from domain.command_form import content_digest
from domain.commands import read_command
from domain.decide import decide
from domain.events import Event
from domain.evolve import apply
from domain.outcomes import Outcome
from domain.person import Person
from domain.refusals import Refused
from tests.domain.specification import resolved
from tests.system.asking import Asked


class Model:
    """All persons, their events and the outcomes of all commands, as they must be."""

    def __init__(self) -> None:
        self.persons: dict[str, Person] = {}
        self.events: dict[str, list[Event]] = {}
        self.outcomes: dict[str, dict[str, Any]] = {}
        """The outcomes that are kept, by command id."""
        self._digests: dict[str, str] = {}

    def person(self, person_id: str) -> Person:
        """A person now, also one that does not exist."""
        return self.persons.get(person_id, Person.new(person_id))

    def decide(self, asked: Asked, *, stored_at: datetime | None = None) -> dict[str, Any]:
        """The outcome that the sender must be told, without a position; the model goes on from there. Stored now, if nothing else is said."""
        address = command_address(asked.raw)
        if address.command_id is None or address.key is None:
            reason = f"{address.field}: {address.reason}"
            refused = Refused("invalid_command", reason, field=address.field, rule=address.reason)
            return told(Outcome.refused(refused, command_id=address.command_id))
        digest = content_digest(asked.raw)
        first = self._digests.get(address.command_id)
        if first is not None and first != digest:
            reason = "id: was used before with different content"
            refused = Refused("invalid_command", reason, field="id", rule="unique")
            return told(Outcome.refused(refused, command_id=address.command_id))
        if first is None:
            self._digests[address.command_id] = digest
            self.outcomes[address.command_id] = told(
                self._decided(asked, address.command_id, stored_at or datetime.now(UTC))
            )
        return self.outcomes[address.command_id]

    def _decided(self, asked: Asked, command_id: str, stored_at: datetime) -> Outcome:
        try:
            command = read_command(asked.raw, subject=asked.subject, stored_at=stored_at)
        except Refused as refused:
            return Outcome.refused(refused, command_id=command_id)
        person = self.person(command.person_id)
        try:
            events = decide(resolved(command, self.persons.values()), person)
        except Refused as refused:
            return Outcome.refused(refused, command_id=command_id, person_id=person.person_id, version=person.version)
        for event in events:
            person = apply(person, event)
        self.persons[person.person_id] = person
        self.events.setdefault(person.person_id, []).extend(events)
        return Outcome.accepted(command_id, person.person_id, person.version, events)


def told(outcome: Outcome) -> dict[str, Any]:
    """An outcome as its sender reads it, without what only a stream and a clock can tell."""
    return timeless(orjson.loads(outcome.to_bytes()))


def timeless(outcome: dict[str, Any]) -> dict[str, Any]:
    """The same without the position, and without the seconds of a skewed clock."""
    facts = {**outcome.get("facts", {})}
    if outcome.get("code") == "clock_skew":
        facts.pop("seconds")
    rest = {name: value for name, value in outcome.items() if name not in ("position", "facts")}
    return {**rest, "facts": facts} if facts else rest
