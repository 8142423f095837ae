"""Commands as neighbours read them and events as they write them: CloudEvents whose ids follow from the command that caused them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

_NEIGHBOURS = uuid5(NAMESPACE_URL, "urn:person-domain:neighbours")


class UnreadableCommandError(Exception):
    """A message of the outbox is no command; the message names the field."""


@dataclass(frozen=True)
class NeighbourCommand:
    """What a neighbour is asked to do. `data` holds ids only."""

    id: str
    domain: str
    verb: str
    correlationid: str
    causationdepth: int
    data: Mapping[str, Any]
    traceparent: str | None = None

    @property
    def person_id(self) -> str:
        """The person whose commands are handled in order."""
        return str(self.data.get("person_id") or self.data.get("from_person_id") or "")


def read_command(subject: str, raw: bytes) -> NeighbourCommand:
    """Read a message of `<domain>.commands.<verb>`; raises UnreadableCommandError."""
    domain, _, verb = subject.split(".")[:3]
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise UnreadableCommandError(f"no JSON: {error}") from None
    for field, kind in (("id", str), ("data", dict)):
        if not isinstance(body, dict) or not isinstance(body.get(field), kind):
            raise UnreadableCommandError(f"{field} is missing or not of type {kind.__name__}")
    command_id: str = body["id"]
    return NeighbourCommand(
        command_id,
        domain,
        verb,
        str(body.get("correlationid", command_id)),
        int(body.get("causationdepth", 0)),
        body["data"],
        body.get("traceparent"),
    )


@dataclass(frozen=True)
class NeighbourEvent:
    """What a neighbour says. `type` is without the domain, e.g. `linked`."""

    id: str
    domain: str
    type: str
    command_id: str
    data: Mapping[str, Any]
    raw: bytes

    @property
    def subject(self) -> str:
        """Where it is published."""
        return f"{self.domain}.events.{self.type}.{self.data.get('person_id', 'none')}"


def event_of(command: NeighbourCommand, kind: str, data: Mapping[str, Any], index: int) -> NeighbourEvent:
    """The event number `index` that answers a command."""
    event_id = made_id(command.id, f"event:{kind}:{index}")
    body = {
        "specversion": "1.0",
        "id": event_id,
        "type": f"{command.domain}.{kind}",
        "source": f"/{command.domain}",
        "subject": data.get("person_id", command.person_id),
        "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "correlationid": command.correlationid,
        "causationid": command.id,
        "causationdepth": command.causationdepth,
        "data": dict(data),
    }
    if command.traceparent is not None:
        body["traceparent"] = command.traceparent
    raw = json.dumps(body, separators=(",", ":"), sort_keys=True).encode()
    return NeighbourEvent(event_id, command.domain, kind, command.id, data, raw)


def read_event(raw: bytes) -> NeighbourEvent:
    """Read an event that a neighbour wrote itself."""
    body = json.loads(raw)
    domain, _, kind = body["type"].partition(".")
    return NeighbourEvent(body["id"], domain, kind, body["causationid"], body["data"], raw)


def made_id(namespace: str, text: str) -> str:
    """An id that follows from another one, so that repeated work makes the same."""
    try:
        return str(uuid5(UUID(namespace), text))
    except ValueError:
        return str(uuid5(_NEIGHBOURS, f"{namespace}/{text}"))
