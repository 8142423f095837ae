"""Commands on persons: the catalogue, the complete command, and how it is read from what a client sent."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import Field

from domain.command_address import CREATE
from domain.command_data import component, identity, lifecycle, onboarding, policy, privacy, relationship
from domain.command_data.base import CommandSpec
from domain.command_form import CommandEnvelope, CommandForm, read_envelope, require_id
from domain.ids import Uuid, derive
from domain.resolved import Resolved

COMMANDS: Final[Mapping[str, CommandSpec]] = {
    spec.type: spec
    for family in (lifecycle, identity, component, relationship, onboarding, policy, privacy)
    for spec in family.COMMANDS
}


class Command(CommandEnvelope):
    """Something that is asked of one person, complete and checked."""

    person_id: Uuid = Field(alias="subject")
    resolved: Resolved | None = Field(default=None, exclude=True)
    """What the handler has found out about another person, never the client: it is no part of the message."""

    @property
    def name(self) -> str:
        """The command as the status matrix calls it."""
        return COMMANDS[self.type].name


def read_command(raw: bytes, *, subject: str, stored_at: datetime) -> Command:
    """The command in raw bytes that came under `subject`. Raises Refused for everything an edge checks."""
    return read_envelope(raw, Command, _FORM, subject=subject, stored_at=stored_at)


def _name_person(document: dict[str, Any]) -> None:
    if document["type"] == CREATE:
        document.setdefault("subject", derive(document["id"], "person"))
    require_id(document, "subject")


_FORM: Final = CommandForm(
    catalogue=COMMANDS,
    name_target=_name_person,
    own_names={"subject": "person_id", "time": "now"},
    not_on_the_wire=("context", "resolved"),
    passed_over=frozenset({"tracestate", "partitionkey"}),
)
