"""Commands on an onboarding run."""

from typing import Final

from domain.command_data.base import CommandSpec

COMMANDS: Final[tuple[CommandSpec, ...]] = ()
