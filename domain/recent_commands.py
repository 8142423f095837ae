"""The commands whose events a person got last, so that one which comes again is known.

Every event carries them along and few look at them: they are one text, the JSON of a state, instead of hundreds of objects.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, overload

import orjson
from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema

RECENT_COMMANDS: Final = 64
"""How many are remembered."""

RecentCommand = tuple[str, int, int]
"""A command whose events are in the log: its id, the sequence of its first event, their number."""


class RecentCommands(Sequence[RecentCommand]):
    """At most 64 commands, the newest last. Immutable; equal to any sequence of the same commands."""

    __slots__ = ("_count", "_text")

    def __init__(self, commands: Iterable[RecentCommand] = ()) -> None:
        entries = list(commands)
        self._text = orjson.dumps(entries)[1:-1].decode()
        self._count = len(entries)

    def behind(self, command_id: str, sequence: int) -> "RecentCommands":
        """The commands after one more event, which a command has caused."""
        text, count = self._text, self._count
        if text.startswith(f'["{command_id}",', text.rfind("[")):
            _, first, events = self[-1]
            if first + events == sequence:
                entry = f'["{command_id}",{first},{events + 1}]'
                return _made(text[: text.rfind("[")] + entry, count)
        entry = f'["{command_id}",{sequence},1]'
        if count == RECENT_COMMANDS:
            return _made(f"{text[text.index('[', 1) :]},{entry}", count)
        return _made(f"{text},{entry}" if text else entry, count + 1)

    @property
    def json(self) -> orjson.Fragment:
        """Their JSON within a state."""
        return orjson.Fragment(f"[{self._text}]")

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[RecentCommand]:
        return (_command(one) for one in orjson.loads(f"[{self._text}]"))

    @overload
    def __getitem__(self, index: int) -> RecentCommand: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[RecentCommand]: ...

    def __getitem__(self, index: int | slice) -> RecentCommand | Sequence[RecentCommand]:
        if index == -1 and self._count:
            return _command(orjson.loads(self._text[self._text.rindex("[") :]))
        return tuple(self)[index]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, RecentCommands):
            return self._text == other._text
        return tuple(self) == other

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"RecentCommands({list(self)!r})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Read as the list that a state holds."""
        return core_schema.no_info_plain_validator_function(cls)


def _command(entry: list[Any]) -> RecentCommand:
    command_id, first, count = entry
    return command_id, first, count


def _made(text: str, count: int) -> RecentCommands:
    made = RecentCommands.__new__(RecentCommands)
    made._text = text
    made._count = count
    return made
