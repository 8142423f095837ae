"""Effects of the events of what identifies a person."""

from domain.event_data.identity import BirthDateSet, NameUpdated
from domain.events import Event
from domain.evolution.base import changed, effects
from domain.person import Person

EFFECTS, on = effects()


@on(NameUpdated)
def _renamed(person: Person, data: NameUpdated, _: Event) -> Person:
    return changed(person, name=data.new_name)


@on(BirthDateSet)
def _born(person: Person, data: BirthDateSet, _: Event) -> Person:
    return person if person.birth_date is not None else changed(person, birth_date=data.birth_date)
