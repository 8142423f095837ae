"""The way up: from any stored version to the current ones, by registered steps. An error where there is none, never a skip."""

from collections.abc import Mapping
from functools import cache
from typing import Final

from domain.event_catalogue import EVENTS
from domain.undecodable import Undecodable
from domain.upcasting import first_generation, item_events, second_generation
from domain.upcasting.form import Form, Upcaster

Registry = Mapping[tuple[str, int], Upcaster]


def _registry(*upcasters: Upcaster) -> Registry:
    return {(one.type, one.version): one for one in upcasters}


STEPS: Final = _registry(*first_generation.UPCASTERS, *item_events.UPCASTERS, *second_generation.UPCASTERS)
"""One step up per old type and version."""

WAYS: Final[Registry] = {**STEPS, **_registry(*second_generation.DIRECT)}
"""The same, with the direct way where there is one."""

_OLD_TYPES: Final = frozenset(event_type for event_type, _ in WAYS)


def upcast(form: Form, ways: Registry = WAYS) -> tuple[Form, ...]:
    """None, one or several current forms of a known type; a current form is its own. Raises Undecodable without a way up."""
    if is_current(form.type, form.version):
        return (form,)
    way = ways.get((form.type, form.version))
    if way is None:
        raise _no_way(form.type, form.version)
    return tuple(current for higher in way.step(form) for current in upcast(higher, ways))


def is_current(event_type: object, version: object) -> bool:
    """Whether a type and version are what is written today."""
    spec = EVENTS.get(event_type) if isinstance(event_type, str) else None
    return spec is not None and spec.version == version


def is_known(event_type: str) -> bool:
    """Whether events of a type may be stored, of whatever version."""
    return event_type in EVENTS or event_type in _OLD_TYPES


@cache
def current_types(event_type: str, version: int) -> frozenset[str]:
    """Types of today that a stored type and version may become; empty for what is unknown."""
    if is_current(event_type, version):
        return frozenset({event_type})
    way = WAYS.get((event_type, version))
    return frozenset().union(*(current_types(*into) for into in way.into)) if way else frozenset()


def _no_way(event_type: str, version: int) -> Undecodable:
    old = [number for name, number in WAYS if name == event_type]
    spec = EVENTS.get(event_type)
    newest = max([*old, *([spec.version] if spec else [])])
    if version > newest:
        return Undecodable("unknown_version", f"{event_type} {version} is newer than {newest}")
    return Undecodable("no_upcast_path", f"{event_type} {version} has no way to {newest}")
