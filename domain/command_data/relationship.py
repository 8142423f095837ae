"""Commands on links to identities, locations, organizations and agents."""

from typing import Final

from domain.command_data.base import CommandSpec

COMMANDS: Final[tuple[CommandSpec, ...]] = ()
