"""How the bytes of a command of any family are read: its envelope, its payload and what an edge checks of both.

Guarantee: whoever reads the same bytes under the same subject, stored at the same time, gets the same command or the same refusal."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final, NamedTuple, TypeVar

import orjson
from pydantic import ConfigDict, Field, JsonValue, SerializeAsAny, ValidationError

from domain.canonical import NotCanonical, canonical_members, encode
from domain.command_data.base import CommandData, CommandSpec
from domain.envelope import (
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
from domain.ids import Uuid, is_person_id
from domain.model import Frozen
from domain.refusals import Refused
from domain.times import Instant

MAX_SKEW: Final = timedelta(minutes=5)
KINDS_WITH_OWN_TIME: Final = frozenset({"import", "policy", "saga", "adapter"})


class CommandEnvelope(Frozen):
    """What commands of all families have. A family adds whom the command is for."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    id: Uuid
    type: str
    source: str = Field(pattern=r"^[!-~]{1,512}$")
    now: Instant = Field(alias="time")
    correlationid: Uuid
    causationid: Uuid
    causationdepth: Depth = 0
    actor: Actor
    expectedversion: Depth | None = None
    traceparent: TraceParent | None = None
    data: SerializeAsAny[CommandData]
    context: dict[str, JsonValue] = Field(default_factory=dict)


C = TypeVar("C", bound=CommandEnvelope)


class CommandForm(NamedTuple):
    """How commands of one family differ from others."""

    catalogue: Mapping[str, CommandSpec]
    name_target: Callable[[dict[str, Any]], None]
    """Fills in and checks the attributes that say whom a command is for. Raises Refused."""
    own_names: Mapping[str, str]
    """Attributes on the wire, and the fields that hold them under another name."""
    not_on_the_wire: tuple[str, ...]
    """Fields that a client does not send as attributes."""
    passed_over: frozenset[str]
    """Attributes that are accepted and not looked at."""


def read_envelope(raw: bytes, model: type[C], form: CommandForm, *, subject: str, stored_at: datetime) -> C:
    """The command of a family in raw bytes that came under `subject`. Raises Refused for everything an edge checks."""
    document = _document(raw)
    spec = _spec(document, form.catalogue, subject)
    _complete(document, form, stored_at)
    try:
        document = _normalised(document)
        command = _admit(document, spec, model, form)
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


def require_id(document: Mapping[str, Any], name: str) -> None:
    """Refuses a document without an id in an attribute."""
    if not is_person_id(document.get(name)):
        raise invalid(name, "uuid" if name in document else "missing")


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
_MAX_TEXT: Final = 512


def _document(raw: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise invalid("$", "json") from None
    if not isinstance(document, dict):
        raise invalid("$", "object")
    return {name: value for name, value in document.items() if value is not None}


def _spec(document: dict[str, Any], catalogue: Mapping[str, CommandSpec], subject: str) -> CommandSpec:
    command_type = document.get("type")
    spec = catalogue.get(command_type) if isinstance(command_type, str) else None
    if spec is None:
        raise invalid("type", "unknown_type")
    if subject != spec.type:
        raise invalid("type", "subject_differs")
    return spec


def _complete(document: dict[str, Any], form: CommandForm, stored_at: datetime) -> None:
    """Checks the attributes that have one value, and fills in what may be left out."""
    if "specversion" not in document:
        raise invalid("specversion", "missing")
    for name, value in _FIXED.items():
        given = document.pop(name, value)
        if given != value or isinstance(given, bool):
            raise invalid(name, "fixed_value")
    for name in form.passed_over:
        given = document.pop(name, "")
        if not isinstance(given, str) or len(given) > _MAX_TEXT:
            raise invalid(name, "text")
    if not is_person_id(document.get("id")):
        raise invalid("id", "uuid")
    form.name_target(document)
    document.setdefault("time", stored_at)
    document.setdefault("correlationid", document["id"])
    document.setdefault("causationid", document["id"])


def _normalised(document: dict[str, Any]) -> dict[str, Any]:
    at = document.pop("time")
    normalised: dict[str, Any] = dict(canonical_members(document))
    normalised["time"] = at
    return normalised


def _admit(document: dict[str, Any], spec: CommandSpec, model: type[C], form: CommandForm) -> C:
    payload = _as_object(document.get("data"), "data")
    context = _as_object(payload.pop("context", {}), "data.context")
    fault = context_fault(context)
    if fault:
        raise invalid("data.context", fault)
    try:
        document["data"] = spec.model.admit(payload)
    except ValidationError as error:
        raise invalid(*broken_rule(error, "data")) from None
    for name in form.not_on_the_wire:
        if name in document:
            raise invalid(name, "extra_forbidden")
    for alias, name in form.own_names.items():
        if name in document:
            raise invalid(name, "extra_forbidden")
        if alias in document:
            document[name] = document.pop(alias)
    try:
        return model.admit({**document, "context": context})
    except ValidationError as error:
        field, rule = broken_rule(error)
        wire_names = {name: alias for alias, name in form.own_names.items()}
        raise invalid(wire_names.get(field, field), rule) from None


def _as_object(value: Any, field: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise invalid(field, "missing" if value is None else "object")
    return value


def _check_clock(command: CommandEnvelope, stored_at: datetime) -> None:
    skew = abs(command.now - stored_at)
    if skew > MAX_SKEW and actor_kind(command.actor) not in KINDS_WITH_OWN_TIME:
        raise Refused("clock_skew", seconds=int(skew.total_seconds()), limit=int(MAX_SKEW.total_seconds()))
