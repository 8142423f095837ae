"""The application with a defect: its fold raises for every change of a name to "Poison". Only this process is changed."""

from __future__ import annotations

import agents.folding
from domain.event_data.identity import NameUpdated
from domain.events import Event
from domain.evolve import apply
from domain.person import Person
from tests.failure.poison import POISON


class DefectError(Exception):
    """What the defect raises."""


def defective(person: Person, event: Event) -> Person:
    """The fold, broken."""
    if isinstance(event.data, NameUpdated) and POISON in str(event.data):
        raise DefectError
    return apply(person, event)


vars(agents.folding)["apply"] = defective

from app import app  # noqa: E402 - the application must be built on what was changed

__all__ = ["app"]
