"""What a rendered read model is: a name, the events that change it, and a row made of the state alone."""

from collections.abc import Callable
from typing import NamedTuple

from domain.person import Person
from domain.views.changed_by import ChangedBy
from domain.views.portrait import Portrait, Row


class RenderedModel(NamedTuple):
    """A read model whose row is a pure function of a state; None means that the person has no row."""

    name: str
    changed_by: ChangedBy
    render: Callable[[Person | Portrait], Row | None]
