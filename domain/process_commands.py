"""Commands on sagas and on policies: their catalogues, the complete command, and how it is read from what a client sent.

They are asked of no person, so the status of a person never decides on them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import Field

from domain.command_address import START_SAGA
from domain.command_data import rules, saga
from domain.command_data.base import CommandSpec
from domain.command_data.saga import StartSaga
from domain.command_form import CommandEnvelope, CommandForm, read_envelope, require_id
from domain.fields import invalid
from domain.ids import Uuid, is_policy_id

SAGA_COMMANDS: Final[Mapping[str, CommandSpec]] = {spec.type: spec for spec in saga.COMMANDS}
RULE_COMMANDS: Final[Mapping[str, CommandSpec]] = {spec.type: spec for spec in rules.COMMANDS}
PROCESS_COMMANDS: Final[Mapping[str, CommandSpec]] = {**SAGA_COMMANDS, **RULE_COMMANDS}


class ProcessCommand(CommandEnvelope):
    """Something that is asked of one saga or of one policy, complete and checked."""

    target: str = Field(alias="subject")
    """The saga, also the one that StartSaga is about to start, or the policy."""
    person_id: Uuid | None = Field(default=None, alias="partitionkey")
    """The person of the saga; a policy has none."""

    @property
    def name(self) -> str:
        """The command as the documents call it."""
        return PROCESS_COMMANDS[self.type].name


def read_process_command(raw: bytes, *, subject: str, stored_at: datetime) -> ProcessCommand:
    """The command in raw bytes that came under `subject`. Raises Refused for everything an edge checks."""
    command = read_envelope(raw, ProcessCommand, _FORM, subject=subject, stored_at=stored_at)
    if isinstance(command.data, StartSaga):
        return command.model_copy(update={"target": command.data.saga_id(command.target), "person_id": command.target})
    return command


def _name_target(document: dict[str, Any]) -> None:
    if document["type"] in RULE_COMMANDS:
        if not is_policy_id(document.get("subject")):
            raise invalid("subject", "policy_id" if "subject" in document else "missing")
        document.pop("partitionkey", None)
        return
    require_id(document, "subject")
    if "expectedversion" in document:
        # Who asks something of a saga may not know what it has done meanwhile.
        raise invalid("expectedversion", "extra_forbidden")
    if document["type"] == START_SAGA:
        document.pop("partitionkey", None)
    else:
        require_id(document, "partitionkey")


_FORM: Final = CommandForm(
    catalogue=PROCESS_COMMANDS,
    name_target=_name_target,
    own_names={"subject": "target", "partitionkey": "person_id", "time": "now"},
    not_on_the_wire=("context",),
    passed_over=frozenset({"tracestate"}),
)
