"""What the parts of the AsyncAPI document are made of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from config import streams
from config.settings import Settings
from domain.ids import UUID_PATTERN

Part = dict[str, Any]

CLOUD_EVENT: Final = "application/cloudevents+json"
JSON: Final = "application/json"
KAFKA_BINDING: Final = "0.5.0"
NATS_BINDING: Final = "0.1.0"

ON_NATS: Final = [{"$ref": "#/servers/nats"}]
ON_KAFKA: Final = [{"$ref": "#/servers/kafka"}]
A_UUID: Final[Part] = {"type": "string", "pattern": UUID_PATTERN}


def jetstream(name: str) -> Part:
    """The stream that holds messages, and what it captures."""
    declared = next(one for one in streams.streams(Settings().partitions, 1) if one["name"] == name)
    return {"stream": name, "subjects": declared["subjects"]}


def sends(channel: str, names: Iterable[str], summary: str) -> Part:
    """An operation: the application sends messages on a channel."""
    return {
        "action": "send",
        "channel": channel_of(channel),
        "summary": summary,
        "messages": messages_in(channel, names),
    }


def channel_of(name: str) -> Part:
    """A reference to a channel."""
    return {"$ref": f"#/channels/{name}"}


def messages_of(names: Iterable[str]) -> Part:
    """References to messages, by name."""
    return {name: {"$ref": f"#/components/messages/{name}"} for name in names}


def messages_in(channel: str, names: Iterable[str]) -> list[Part]:
    """References to messages of a channel."""
    return [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in names]


def schema_at(path: str) -> Part:
    """A reference to a schema next to the document."""
    return {"$ref": f"./schemas/{path}"}


def tags(name: str) -> list[Part]:
    """The one tag of a message."""
    return [{"name": name}]


def text_of(model: type) -> str:
    """The words of a model about itself, in one line."""
    return " ".join((model.__doc__ or "").split())
