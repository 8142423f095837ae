"""Portraits of the persons that a cycle touches, shared by its models, and kept for the next cycle: most events leave most parts as they are.

Guarantee: a portrait that is kept lends its parts only to the state that follows from the very state it was made of."""

from __future__ import annotations

from collections import OrderedDict

from domain.person import Person
from domain.views.portrait import Portrait
from lanes.agent import Batch

PORTRAITS_KEPT = 5_000
"""Of one worker. A portrait holds some lists and texts, one or two KB."""


class RecentPortraits:
    """The portraits of persons whose rows were rendered lately; the least recently used ones go first."""

    def __init__(self, limit: int = PORTRAITS_KEPT) -> None:
        self._limit = limit
        self._kept: OrderedDict[tuple[int, str], Portrait] = OrderedDict()

    def begin(self, batch: Batch, before: Person, after: Person) -> None:
        """Let the models of a cycle find the portrait of a state, with what the one of the state before the cycle lends it."""
        kept = self._kept.get((batch.partition, after.person_id))
        if kept is not None and kept.person is before:
            portraits(batch)[after.person_id] = kept if after is before else kept.after(after)

    def keep(self, batch: Batch) -> None:
        """Keep the portraits of a committed cycle."""
        kept = self._kept
        for person_id, portrait in portraits(batch).items():
            key = (batch.partition, person_id)
            kept[key] = portrait
            kept.move_to_end(key)
        while len(kept) > self._limit:
            kept.popitem(last=False)

    def forget(self, partition: int) -> None:
        """Drop the portraits of a partition."""
        for key in [key for key in self._kept if key[0] == partition]:
            del self._kept[key]


def portraits(batch: Batch) -> dict[str, Portrait]:
    """The portraits that the models of a cycle share, by person."""
    return batch.once("portraits", dict)


def portrait_in(seen: dict[str, Portrait], person: Person) -> Portrait:
    """The portrait of a state, made when the first model asks."""
    portrait = seen.get(person.person_id)
    if portrait is None or portrait.person is not person:
        portrait = seen[person.person_id] = Portrait(person)
    return portrait
