"""An event between two versions: plain data, not yet a model. What every upcaster takes and gives."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeGuard

from domain.ids import derive

REDACTED: Final = "$redacted"


class Form(NamedTuple):
    """Type, version and plain data of an event, with the ids from which further ids are derived. `time` is the text of the envelope."""

    type: str
    version: int
    data: Mapping[str, Any]
    id: str
    person_id: str
    time: object = None

    def becomes(self, event_type: str, version: int, data: Mapping[str, Any]) -> "Form":
        """The same event in another form."""
        return self._replace(type=event_type, version=version, data=data)

    def part(self, number: int) -> "Form":
        """The same form as a further part of one stored event; part 0 is the event itself."""
        return self._replace(id=derive(self.id, f"part:{number}"))


class Upcaster(NamedTuple):
    """One step up. `into` holds the types and versions that `step` may give; a step is pure and takes any data."""

    type: str
    version: int
    into: tuple[tuple[str, int], ...]
    step: Callable[[Form], tuple[Form, ...]]


def is_redacted(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether a plain value stands for one whose key was destroyed."""
    return isinstance(value, dict) and REDACTED in value


def without(data: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The data without some fields."""
    return {name: value for name, value in data.items() if name not in names}


def renamed(data: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The data with some fields under their new names; a field that has its new name already keeps its value."""
    moved = {names[name]: value for name, value in data.items() if name in names}
    return {**moved, **{name: value for name, value in data.items() if name not in names}}
