"""Neighbouring domains in the AsyncAPI document: the events that are taken from them, and the commands that are sent to them."""

from __future__ import annotations

from config import streams
from domain.translate.catalogue import INBOUND
from domain.translate.outbound import NEIGHBOURS, OUTBOUND
from domain.translate.signals import SIGNALS, ForSaga
from ops.contracts import paths
from ops.contracts.asyncapi_parts import (
    CLOUD_EVENT,
    ON_NATS,
    Part,
    channel_of,
    jetstream,
    messages_in,
    messages_of,
    schema_at,
    sends,
    tags,
    text_of,
)
from ops.contracts.examples.foreign import asked, said


def add_neighbours(channels: Part, operations: Part, messages: Part) -> None:
    """Everything about neighbours."""
    for domain in NEIGHBOURS:
        _events(domain, channels, operations, messages)
        _commands(domain, channels, operations, messages)


def foreign_event_names() -> list[str]:
    """Names of the messages that events of neighbours are."""
    return [_name(event_type) for event_type in (*INBOUND, *sorted(SIGNALS))]


def _events(domain: str, channels: Part, operations: Part, messages: Part) -> None:
    models = {event_type: spec.model for event_type, spec in INBOUND.items()} | dict.fromkeys(sorted(SIGNALS), ForSaga)
    own = {event_type: model for event_type, model in models.items() if event_type.startswith(f"{domain}.")}
    for event_type, model in own.items():
        messages[_name(event_type)] = {
            "name": _name(event_type),
            "title": event_type,
            "summary": text_of(model),
            "contentType": CLOUD_EVENT,
            "tags": tags("event of a neighbour"),
            "payload": schema_at(paths.foreign_event(event_type)),
            "examples": [{"name": event_type, "payload": said(event_type)}],
        }
    names = [_name(event_type) for event_type in own]
    channel = f"neighbour.{domain}.events"
    channels[channel] = {
        "address": f"{domain}.events.{{event}}",
        "servers": ON_NATS,
        "description": "Belongs to the neighbour. The subject may have more tokens; what counts is the type in the message.",
        "parameters": {"event": {"description": "Whatever the neighbour names the event."}},
        "messages": messages_of(names),
        "x-jetstream": {"stream": streams.neighbour_stream(domain), "subjects": [f"{domain}.events.>"]},
    }
    operations[f"receive.{channel}"] = {
        "action": "receive",
        "channel": channel_of(channel),
        "summary": f"What the {domain} domain says.",
        "messages": messages_in(channel, names),
    }


def _commands(domain: str, channels: Part, operations: Part, messages: Part) -> None:
    for spec in (spec for spec in OUTBOUND.values() if spec.domain == domain):
        name = _name(spec.type)
        messages[name] = {
            "name": name,
            "title": spec.type,
            "summary": text_of(spec.model),
            "contentType": CLOUD_EVENT,
            "tags": tags("command to a neighbour"),
            "correlationId": {"location": "$message.payload#/correlationid"},
            "payload": schema_at(paths.foreign_command(spec)),
            "examples": [{"name": spec.type, "payload": asked(spec)}],
        }
        channel = f"neighbour.{spec.type}"
        channels[channel] = {
            "address": spec.type,
            "servers": ON_NATS,
            "messages": messages_of([name]),
            "x-jetstream": jetstream(streams.OUTBOUND),
        }
        operations[f"send.{channel}"] = sends(channel, [name], text_of(spec.model))


def _name(message_type: str) -> str:
    """Several neighbours have a message of the same name, and some have one that an event of a person has."""
    return "Neighbour" + "".join(word.capitalize() for word in message_type.replace(".", "_").split("_"))
