"""Commands on titles and attributes."""

from typing import Final

from domain.command_data.base import CommandSpec

COMMANDS: Final[tuple[CommandSpec, ...]] = ()
