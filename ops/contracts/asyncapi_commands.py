"""Commands in the AsyncAPI document: a channel, an operation with its reply, and a message for each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from agents.replies import REPLY_TO
from config import streams
from domain.command_data.base import CommandSpec
from ops.contracts import paths
from ops.contracts.asyncapi_parts import (
    A_UUID,
    CLOUD_EVENT,
    KAFKA_BINDING,
    ON_NATS,
    Part,
    channel_of,
    messages_in,
    messages_of,
    schema_at,
    tags,
    text_of,
)

PERSON_KEY: Final[Part] = {**A_UUID, "description": "Id of the person."}


def add_command(
    spec: CommandSpec,
    examples: Iterable[tuple[str, Part]],
    key: Part,
    channels: Part,
    operations: Part,
    messages: Part,
) -> None:
    """A command with its examples by name. `key` is the schema of its key in Kafka."""
    channel = f"command.{spec.path}"
    messages[spec.name] = {
        "name": spec.name,
        "title": spec.name,
        "summary": text_of(spec.model),
        "contentType": CLOUD_EVENT,
        "tags": tags("command"),
        "headers": _HEADERS,
        "correlationId": {"location": "$message.payload#/correlationid"},
        "payload": schema_at(paths.command(spec)),
        "bindings": keyed(key),
        "examples": [{"name": name, "payload": payload} for name, payload in examples],
    }
    channels[channel] = {
        "address": spec.type,
        "servers": ON_NATS,
        "messages": messages_of([spec.name]),
        "x-jetstream": {"stream": streams.COMMANDS},
    }
    operations[f"receive.{spec.path}"] = {
        "action": "receive",
        "channel": channel_of(channel),
        "summary": text_of(spec.model),
        "messages": messages_in(channel, [spec.name]),
        "reply": {
            "address": {
                "description": "An inbox of the sender.",
                "location": f"$message.header#/{REPLY_TO}",
            },
            "channel": channel_of("outcome.inbox"),
            "messages": messages_in("outcome.inbox", ["Outcome"]),
        },
    }


def keyed(key: Part) -> Part:
    """The binding of a message with a key in Kafka."""
    return {"kafka": {"key": key, "bindingVersion": KAFKA_BINDING}}


_HEADERS: Final[Part] = {
    "type": "object",
    "properties": {
        REPLY_TO: {
            "type": "string",
            "description": "Where the outcome goes: an inbox of the sender. Left out, it goes to person.outcomes only.",
            "pattern": r"^_INBOX(\.[A-Za-z0-9_-]+)+$",
        }
    },
}
