"""Commands on activity, notifications and quality, mostly sent by policies."""

from typing import Final

from domain.command_data.base import CommandSpec

COMMANDS: Final[tuple[CommandSpec, ...]] = ()
