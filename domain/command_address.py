"""Where raw bytes of a command want to go: its id, its family and what it is routed by. Never raises.

Guarantee: everybody who looks at the same bytes finds the same address, so a command has one partition and one agent."""

from typing import Any, Final, Literal, NamedTuple

import orjson

from domain.envelope import COMMAND_PREFIX
from domain.ids import derive, is_person_id, is_policy_id

Family = Literal["person", "saga", "rule"]
"""Which agent decides a command; all that names neither sagas nor rules is of the persons."""

CREATE: Final = f"{COMMAND_PREFIX}create"
START_SAGA: Final = f"{COMMAND_PREFIX}saga.start"
_SAGAS: Final = f"{COMMAND_PREFIX}saga."
_RULES: Final = f"{COMMAND_PREFIX}rules."


class CommandAddress(NamedTuple):
    """As much of an address as can be said, and else which rule is broken."""

    command_id: str | None
    key: str | None
    """A person id, of rule commands a policy id: it tells the partition and is the key in Kafka."""
    reason: str | None
    field: str | None
    family: Family = "person"


def command_address(raw: bytes) -> CommandAddress:
    """A tolerant look at raw bytes, to route a command or to answer that it cannot be routed. Never raises."""
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return CommandAddress(None, None, "json", "$")
    if not isinstance(document, dict):
        return CommandAddress(None, None, "object", "$")
    command_type = document.get("type")
    family = family_of(command_type) if isinstance(command_type, str) else "person"
    command_id = document.get("id")
    if not isinstance(command_id, str) or not is_person_id(command_id):
        return CommandAddress(None, None, "uuid", "id", family)
    if family == "rule":
        return _of_rule(command_id, document)
    field = "partitionkey" if family == "saga" and command_type != START_SAGA else "subject"
    person_id = document.get(field)
    if person_id is None and command_type == CREATE:
        person_id = derive(command_id, "person")
    if not is_person_id(person_id):
        return CommandAddress(command_id, None, "missing" if person_id is None else "uuid", field, family)
    return CommandAddress(command_id, person_id, None, None, family)


def family_of(command_type: str) -> Family:
    """Family of a command type, also of one that no catalogue holds."""
    if command_type.startswith(_SAGAS):
        return "saga"
    return "rule" if command_type.startswith(_RULES) else "person"


def _of_rule(command_id: str, document: dict[str, Any]) -> CommandAddress:
    policy_id = document.get("subject")
    if not is_policy_id(policy_id):
        return CommandAddress(command_id, None, "missing" if policy_id is None else "policy_id", "subject", "rule")
    return CommandAddress(command_id, policy_id, None, None, "rule")
