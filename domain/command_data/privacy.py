"""Commands on consent, exports, legal holds and erasure."""

from typing import Final

from domain.command_data.base import CommandSpec

COMMANDS: Final[tuple[CommandSpec, ...]] = ()
