"""What every command payload is, and its entry in the catalogue."""

from typing import Final, NamedTuple

from domain.envelope import COMMAND_PREFIX
from domain.model import Frozen


class CommandData(Frozen):
    """What a command asks for beyond its envelope."""


CommandDataType = type[CommandData]

SAGAS: Final = frozenset({"saga"})
SWEEPS: Final = frozenset({"job"})


class CommandSpec(NamedTuple):
    """One command type. Where `kinds` is not empty, only actors of these kinds may send it."""

    path: str
    model: CommandDataType
    kinds: frozenset[str] = frozenset()

    @property
    def type(self) -> str:
        """The type of the envelope, which is the subject too."""
        return COMMAND_PREFIX + self.path

    @property
    def name(self) -> str:
        """The command as the status matrix calls it."""
        return self.model.__name__
