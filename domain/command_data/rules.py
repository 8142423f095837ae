"""Commands on policies: register a version, and move it between its statuses."""

from typing import Final

from pydantic import JsonValue

from domain.command_data.base import CommandData, CommandSpec
from domain.envelope import Ordinal


class RegisterRule(CommandData):
    """Register the next version of a policy, as a draft. The document is compiled and run against its own examples."""

    document: dict[str, JsonValue]


class ShadowRule(CommandData):
    """Let a version record what it would do."""

    version: Ordinal


class ActivateRule(CommandData):
    """Let a version act. An active lower version is retired."""

    version: Ordinal


class SuspendRule(CommandData):
    """Stop a version until it is activated again."""

    version: Ordinal


class RetireRule(CommandData):
    """Stop a version for good."""

    version: Ordinal


COMMANDS: Final[tuple[CommandSpec, ...]] = (
    CommandSpec("rules.register", RegisterRule),
    CommandSpec("rules.shadow", ShadowRule),
    CommandSpec("rules.activate", ActivateRule),
    CommandSpec("rules.suspend", SuspendRule),
    CommandSpec("rules.retire", RetireRule),
)
