"""Commands: the catalogue, the complete command, and how it is read from what a client sent."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final, NamedTuple

import orjson
from pydantic import ConfigDict, Field, JsonValue, SerializeAsAny, ValidationError

from domain.canonical import NotCanonical, canonical_members, encode
from domain.command_data import component, identity, lifecycle, onboarding, policy, privacy, relationship
from domain.command_data.base import CommandData, CommandSpec
from domain.envelope import (
    COMMAND_PREFIX,
    CONTENT_TYPE,
    MAX_DEPTH,
    SPEC_VERSION,
    Actor,
    Depth,
    TraceParent,
    actor_kind,
    context_fault,
    correlation_fault,
)
from domain.fields import broken_rule, dotted, invalid
from domain.ids import Uuid, derive, is_person_id
from domain.model import Frozen
from domain.refusals import Refused
from domain.resolved import Resolved
from domain.times import Instant

MAX_SKEW: Final = timedelta(minutes=5)
KINDS_WITH_OWN_TIME: Final = frozenset({"import", "policy", "saga", "adapter"})


COMMANDS: Final[Mapping[str, CommandSpec]] = {
    spec.type: spec
    for family in (lifecycle, identity, component, relationship, onboarding, policy, privacy)
    for spec in family.COMMANDS
}
CREATE: Final = f"{COMMAND_PREFIX}create"


class Command(Frozen):
    """Something that is asked of one person, complete and checked."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    id: Uuid
    type: str
    source: str = Field(pattern=r"^[!-~]{1,512}$")
    person_id: Uuid = Field(alias="subject")
    now: Instant = Field(alias="time")
    correlationid: Uuid
    causationid: Uuid
    causationdepth: Depth = 0
    actor: Actor
    expectedversion: Depth | None = None
    traceparent: TraceParent | None = None
    data: SerializeAsAny[CommandData]
    context: dict[str, JsonValue] = Field(default_factory=dict)
    resolved: Resolved | None = Field(default=None, exclude=True)
    """What the handler has found out about another person, never the client: it is no part of the message."""

    @property
    def name(self) -> str:
        """The command as the status matrix calls it."""
        return COMMANDS[self.type].name


class CommandAddress(NamedTuple):
    """Where raw bytes want to go: as much of it as can be said, and else which rule is broken."""

    command_id: str | None
    person_id: str | None
    reason: str | None
    field: str | None


def command_address(raw: bytes) -> CommandAddress:
    """A tolerant look at raw bytes, to route a command or to answer that it cannot be routed. Never raises."""
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return CommandAddress(None, None, "json", "$")
    if not isinstance(document, dict):
        return CommandAddress(None, None, "object", "$")
    command_id = document.get("id")
    if not isinstance(command_id, str) or not is_person_id(command_id):
        return CommandAddress(None, None, "uuid", "id")
    person_id = document.get("subject")
    if person_id is None and document.get("type") == CREATE:
        person_id = derive(command_id, "person")
    if not is_person_id(person_id):
        return CommandAddress(command_id, None, "missing" if person_id is None else "uuid", "subject")
    return CommandAddress(command_id, person_id, None, None)


def read_command(raw: bytes, *, subject: str, stored_at: datetime) -> Command:
    """The command in raw bytes that came under `subject`. Raises Refused for everything an edge checks."""
    document = _document(raw)
    spec = _spec(document, subject)
    _complete(document, stored_at)
    try:
        document = _normalised(document)
        command = _admit(document, spec)
    except NotCanonical as error:
        raise invalid(dotted(error.path), error.rule) from None
    fault = correlation_fault(command.id, command.correlationid, command.causationid, command.causationdepth)
    if fault:
        raise invalid(fault, "correlation")
    _check_clock(command, stored_at)
    if spec.kinds and actor_kind(command.actor) not in spec.kinds:
        raise Refused("forbidden", command=spec.name)
    if command.causationdepth > MAX_DEPTH:
        raise Refused("depth_exceeded", depth=command.causationdepth, limit=MAX_DEPTH)
    return command


def content_digest(raw: bytes) -> str:
    """Tells whether two messages with one id ask for the same. Time and trace may differ between tries."""
    try:
        document = orjson.loads(raw)
        asked = {name: value for name, value in document.items() if name not in _PER_TRY}
        return sha256(encode(asked)).hexdigest()
    except (orjson.JSONDecodeError, AttributeError, NotCanonical):
        return sha256(raw).hexdigest()


_PER_TRY: Final = frozenset({"time", "traceparent", "tracestate"})
_FIXED: Final = {"specversion": SPEC_VERSION, "datacontenttype": CONTENT_TYPE, "dataversion": 1}
_PASSED_OVER: Final = frozenset({"tracestate", "partitionkey"})
_MAX_TEXT: Final = 512


def _document(raw: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise invalid("$", "json") from None
    if not isinstance(document, dict):
        raise invalid("$", "object")
    return {name: value for name, value in document.items() if value is not None}


def _spec(document: dict[str, Any], subject: str) -> CommandSpec:
    command_type = document.get("type")
    spec = COMMANDS.get(command_type) if isinstance(command_type, str) else None
    if spec is None:
        raise invalid("type", "unknown_type")
    if subject != spec.type:
        raise invalid("type", "subject_differs")
    return spec


def _complete(document: dict[str, Any], stored_at: datetime) -> None:
    """Checks the attributes that have one value, and fills in what may be left out."""
    if "specversion" not in document:
        raise invalid("specversion", "missing")
    for name, value in _FIXED.items():
        given = document.pop(name, value)
        if given != value or isinstance(given, bool):
            raise invalid(name, "fixed_value")
    for name in _PASSED_OVER:
        given = document.pop(name, "")
        if not isinstance(given, str) or len(given) > _MAX_TEXT:
            raise invalid(name, "text")
    if not is_person_id(document.get("id")):
        raise invalid("id", "uuid")
    if document["type"] == CREATE:
        document.setdefault("subject", derive(document["id"], "person"))
    if not is_person_id(document.get("subject")):
        raise invalid("subject", "uuid" if "subject" in document else "missing")
    document.setdefault("time", stored_at)
    document.setdefault("correlationid", document["id"])
    document.setdefault("causationid", document["id"])


def _normalised(document: dict[str, Any]) -> dict[str, Any]:
    at = document.pop("time")
    normalised: dict[str, Any] = dict(canonical_members(document))
    normalised["time"] = at
    return normalised


def _admit(document: dict[str, Any], spec: CommandSpec) -> Command:
    payload = _as_object(document.get("data"), "data")
    context = _as_object(payload.pop("context", {}), "data.context")
    fault = context_fault(context)
    if fault:
        raise invalid("data.context", fault)
    try:
        document["data"] = spec.model.admit(payload)
    except ValidationError as error:
        raise invalid(*broken_rule(error, "data")) from None
    for name in _NOT_ON_THE_WIRE:
        if name in document:
            raise invalid(name, "extra_forbidden")
    for alias, name in _OWN_NAMES.items():
        if name in document:
            raise invalid(name, "extra_forbidden")
        document[name] = document.pop(alias)
    try:
        return Command.admit({**document, "context": context})
    except ValidationError as error:
        field, rule = broken_rule(error)
        raise invalid(_WIRE_NAMES.get(field, field), rule) from None


_NOT_ON_THE_WIRE: Final = ("context", "resolved")
_OWN_NAMES: Final = {"subject": "person_id", "time": "now"}
_WIRE_NAMES: Final = {"person_id": "subject", "now": "time"}


def _as_object(value: Any, field: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise invalid(field, "missing" if value is None else "object")
    return value


def _check_clock(command: Command, stored_at: datetime) -> None:
    skew = abs(command.now - stored_at)
    if skew > MAX_SKEW and actor_kind(command.actor) not in KINDS_WITH_OWN_TIME:
        raise Refused("clock_skew", seconds=int(skew.total_seconds()), limit=int(MAX_SKEW.total_seconds()))
