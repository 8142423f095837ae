"""The CloudEvents envelope: its attributes, the actor rule, the context rules and the correlation algebra."""

import re
from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import Field, JsonValue, StringConstraints

from domain.canonical import encode

COMMAND_PREFIX: Final = "person.commands."
SPEC_VERSION: Final = "1.0"
CONTENT_TYPE: Final = "application/json"
EVENT_SOURCE: Final = "/person"
LEGACY_ACTOR: Final = "unknown:legacy"
MAX_DEPTH: Final = 8
MAX_INTEGER: Final = 2**31 - 1
MAX_CONTEXT_BYTES: Final = 4096

ACTOR_KINDS: Final = (
    "user",
    "system",
    "api",
    "job",
    "hr",
    "idp",
    "policy",
    "saga",
    "adapter",
    "import",
    "unknown",
)
# A policy names its version behind an "@"; only digits may follow, so it is never an e-mail address.
ACTOR_PATTERN: Final = (
    rf"^(?:(?:{'|'.join(ACTOR_KINDS)}):[A-Za-z0-9._:-]{{1,128}}|policy:[A-Za-z0-9._:-]{{1,117}}@[0-9]{{1,10}})$"
)
TRACEPARENT_PATTERN: Final = r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"
_TRACEPARENT: Final = re.compile(TRACEPARENT_PATTERN[1:-1], re.ASCII)
CONTEXT_KEY_PATTERN: Final = (
    r"^(?:request_id|session_id|channel|tenant|import_id|saga_id|saga_step|policy|x_[a-z0-9_]{1,62})$"
)
_CONTEXT_KEY: Final = re.compile(CONTEXT_KEY_PATTERN[1:-1], re.ASCII)

Actor = Annotated[str, StringConstraints(pattern=ACTOR_PATTERN)]
"""Who asked: ``<kind>:<opaque id>``."""
TraceParent = Annotated[str, StringConstraints(pattern=TRACEPARENT_PATTERN)]
"""W3C trace context."""
Ordinal = Annotated[int, Field(strict=True, ge=1, le=MAX_INTEGER)]
"""A version or a sequence."""
Depth = Annotated[int, Field(strict=True, ge=0, le=MAX_INTEGER)]
"""Length of a chain of causes."""


def trace_context(value: object) -> str | None:
    """What a message that nobody has checked says in `traceparent`; None for what is no trace context."""
    return value if isinstance(value, str) and _TRACEPARENT.fullmatch(value) else None


def actor_kind(actor: str) -> str:
    """Kind of an actor."""
    return actor.partition(":")[0]


def correlation_fault(message_id: str, correlation_id: str, causation_id: str, depth: int) -> str | None:
    """Attribute that breaks the algebra: a message is its own cause exactly when it is a root."""
    if causation_id == message_id:
        if correlation_id != message_id:
            return "correlationid"
        return "causationdepth" if depth else None
    return "correlationid" if correlation_id == message_id else None


def context_fault(context: Mapping[str, JsonValue]) -> str | None:
    """Rule that a context breaks."""
    if not all(map(_CONTEXT_KEY.fullmatch, context)):
        return "context_key"
    return "context_size" if len(encode(context)) > MAX_CONTEXT_BYTES else None
