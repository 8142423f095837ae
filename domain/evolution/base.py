"""How an effect is declared: by the payload whose effect it is."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from domain.event_data.base import EventData
from domain.events import Event
from domain.person import Person

D = TypeVar("D", bound=EventData)
V = TypeVar("V")
Effect = Callable[[Person, Any, Event], Person]


class _Declare(Protocol):
    def __call__(self, effect: Callable[[Person, D, Event], Person], /) -> Callable[[Person, D, Event], Person]: ...


def effects() -> tuple[dict[type[EventData], Effect], Callable[[type[EventData]], _Declare]]:
    """The effects of a family, and the decorator that declares one."""
    declared: dict[type[EventData], Effect] = {}

    def on(model: type[EventData]) -> _Declare:
        def declare(effect: Callable[[Person, D, Event], Person], /) -> Callable[[Person, D, Event], Person]:
            declared[model] = effect
            return effect

        return declare

    return declared, on


def changed(person: Person, **changes: object) -> Person:
    """The state with other values in some fields."""
    return person.model_copy(update=changes)


def without(held: Mapping[str, V], *keys: str) -> dict[str, V]:
    """The map without some keys."""
    return {key: value for key, value in held.items() if key not in keys}
