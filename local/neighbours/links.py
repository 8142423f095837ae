"""The state of one neighbour, folded from its own events: who is linked to what, which commands it has answered, what was undone.

Guarantee: folding the neighbour's event stream again gives the same state, so a neighbour that is started again knows what it did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local.neighbours.catalogue import NEIGHBOURS, Effect
from local.neighbours.messages import NeighbourEvent

Key = tuple[str, ...]

_EFFECTS: dict[tuple[str, str], Effect] = {
    (domain, verb.event): verb.effect for domain, neighbour in NEIGHBOURS.items() for verb in neighbour.verbs.values()
}


class Links:
    """Links by person, the events that answered each command, and the sagas whose links were taken back."""

    def __init__(self, domain: str) -> None:
        self.domain = domain
        self._key = NEIGHBOURS[domain].key
        self._of_person: dict[str, dict[Key, Mapping[str, Any]]] = {}
        self._answers: dict[str, dict[str, NeighbourEvent]] = {}
        self._undone: set[tuple[str, str]] = set()

    def apply(self, event: NeighbourEvent) -> None:
        """Fold an event of this neighbour; one that was folded before changes nothing."""
        answers = self._answers.setdefault(event.command_id, {})
        if event.id in answers:
            return
        answers[event.id] = event
        data = event.data
        person_id = str(data.get("person_id", ""))
        if event.type == "undone":
            self._undone.add((str(data.get("saga_id", "")), person_id))
        match _EFFECTS.get((self.domain, event.type), "nothing"):
            case "add":
                self._of_person.setdefault(person_id, {})[self.key_of(data)] = data
            case "remove":
                self._drop(person_id, self.key_of(data))
            case "move":
                target = self._of_person.setdefault(str(data["to_person_id"]), {})
                for key, link in self._of_person.pop(str(data["from_person_id"]), {}).items():
                    target.setdefault(key, link)
            case "clear":
                self._of_person.pop(person_id, None)

    def of(self, person_id: str) -> Mapping[Key, Mapping[str, Any]]:
        """The links of a person: what the event that made each one said."""
        return self._of_person.get(person_id, {})

    def answers(self, command_id: str) -> list[NeighbourEvent]:
        """The events that answered a command, in order; none if it was not answered."""
        return list(self._answers.get(command_id, {}).values())

    def undone(self, saga_id: str, person_id: str) -> bool:
        """Whether what a saga did to a person was taken back."""
        return (saga_id, person_id) in self._undone

    def key_of(self, data: Mapping[str, Any]) -> Key:
        """What tells one link of a person from another."""
        return tuple(str(data.get(member, "")) for member in self._key)

    def _drop(self, person_id: str, key: Key) -> None:
        links = self._of_person.get(person_id)
        if links is not None:
            links.pop(key, None)
            if not links:
                del self._of_person[person_id]
