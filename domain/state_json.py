"""JSON of states: sorted, nothing that is absent. Equal values give equal bytes."""

from functools import cached_property
from typing import Final

import orjson
from pydantic import BaseModel

from domain.model import Frozen
from domain.personal import Redacted
from domain.recent_commands import RecentCommands


class DumpedOnce(Frozen):
    """A value of which the JSON within a state is made once: most events leave most values as they are."""

    @cached_property
    def dumped(self) -> orjson.Fragment:
        """Its JSON."""
        return orjson.Fragment(dump({name: member for name, member in self.__dict__.items() if member is not None}))


def dump(value: object) -> bytes:
    """The JSON of a value that is part of a state."""
    return orjson.dumps(value, default=_members, option=_OPTIONS)


_OPTIONS: Final = orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z


def _members(value: object) -> object:
    if isinstance(value, DumpedOnce):
        return value.dumped
    if isinstance(value, RecentCommands):
        return value.json
    if isinstance(value, Redacted):
        return {"$redacted": value.group}
    if isinstance(value, BaseModel):
        return {name: member for name, member in value.__dict__.items() if member is not None}
    if isinstance(value, frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} is no part of a state")
