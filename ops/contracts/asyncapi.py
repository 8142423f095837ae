"""The AsyncAPI 3.0 document: what the application takes and sends, on which subjects and topics, with an example of each message.

Guarantee: equal code gives equal bytes. Every schema is a reference to a file next to the document."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from bridge import headers
from config import streams, topics
from config.settings import Settings
from config.version import VERSION
from domain.commands import COMMANDS
from domain.event_catalogue import EVENTS
from domain.event_data.base import EventSpec
from domain.process_commands import PROCESS_COMMANDS
from domain.subjects import EVENT_SUBJECTS
from ops.contracts import paths
from ops.contracts.asyncapi_commands import PERSON_KEY, add_command, keyed
from ops.contracts.asyncapi_neighbours import add_neighbours, foreign_event_names
from ops.contracts.asyncapi_parts import (
    A_UUID,
    CLOUD_EVENT,
    JSON,
    KAFKA_BINDING,
    NATS_BINDING,
    ON_KAFKA,
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
from ops.contracts.asyncapi_processes import add_processes, saga_event_names
from ops.contracts.examples.queries import REQUESTS
from ops.contracts.examples.story import story
from ops.contracts.examples.told import told
from queries.endpoint import Endpoint
from queries.endpoints import ENDPOINTS

QUERY_QUEUE: Final = "q"
"""Queue group of NATS services."""


def asyncapi() -> Part:
    """The whole document."""
    channels: dict[str, Part] = {}
    operations: dict[str, Part] = {}
    messages: dict[str, Part] = {}
    _outcomes(channels, operations, messages)
    for spec in COMMANDS.values():
        add_command(spec, _examples(spec.path), PERSON_KEY, channels, operations, messages)
    _events(channels, operations, messages)
    for endpoint in ENDPOINTS.values():
        _query(endpoint, channels, operations, messages)
    _live(channels, operations, messages)
    _dead_letters(channels, operations, messages)
    add_processes(channels, operations, messages)
    add_neighbours(channels, operations, messages)
    _topics(channels, operations)
    return {
        "asyncapi": "3.0.0",
        "info": _INFO,
        "defaultContentType": JSON,
        "servers": _SERVERS,
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages},
    }


_INFO: Final[Part] = {
    "title": "Person",
    "version": VERSION,
    "description": (
        "A pure event-driven person domain. Send a command to its subject as a NATS request: the acknowledgement of the stream says "
        "that it is durable, the outcome follows on the subject that the header Person-Reply-To names, and on person.outcomes. Events "
        "are stored in JetStream and carried to Kafka, byte for byte. Queries are NATS requests. The examples of commands are numbered: sent "
        "in this order, each of them is accepted, and then each example of a query has an answer. Those without a number are sent by sagas, "
        "on their own, once it is time."
    ),
    "license": {"name": "MIT"},
}


def _server(protocol: str, port: str, text: str) -> Part:
    return {
        "host": "{host}:{port}",
        "protocol": protocol,
        "description": text,
        "variables": {
            "host": {"default": "127.0.0.1", "description": "Name or address of a server."},
            "port": {"default": port, "description": "Port for clients."},
        },
    }


_SERVERS: Final[Part] = {
    "nats": _server("nats", "4222", "NATS with JetStream: commands, outcomes, events, queries."),
    "kafka": _server("kafka", "9092", "Kafka: the same commands and events, for readers of topics."),
}


def _examples(path: str) -> Iterator[tuple[str, Part]]:
    """Examples of a command, with a number where a client sends it."""
    for number, step in enumerate(story(), 1):
        if step.path == path:
            yield (f"{path} by a saga" if step.by_saga else f"{number:03d}-{path}"), step.message()


def _outcomes(channels: Part, operations: Part, messages: Part) -> None:
    messages["Outcome"] = {
        "name": "Outcome",
        "title": "Outcome",
        "summary": "What became of a command.",
        "contentType": JSON,
        "tags": tags("outcome"),
        "correlationId": {"location": "$message.payload#/command_id"},
        "payload": schema_at(paths.OUTCOME),
        "examples": [{"name": "accepted", "payload": told().outcome}, {"name": "refused", "payload": told().refusal}],
    }
    channels["outcome.inbox"] = {"address": None, "servers": ON_NATS, "messages": messages_of(["Outcome"])}
    channels["outcome"] = {
        "address": "person.outcomes.{command_id}",
        "servers": ON_NATS,
        "description": "Every outcome, for everybody; not stored.",
        "parameters": {"command_id": {"description": "Id of the command, a UUID."}},
        "messages": messages_of(["Outcome"]),
    }
    operations["send.outcome"] = sends("outcome", ["Outcome"], "What became of each command.")


def _events(channels: Part, operations: Part, messages: Part) -> None:
    for spec in EVENTS.values():
        messages[_event_name(spec)] = {
            "name": _event_name(spec),
            "title": spec.title,
            "summary": text_of(spec.model),
            "contentType": CLOUD_EVENT,
            "tags": tags("event"),
            "headers": _EVENT_HEADERS,
            "correlationId": {"location": "$message.payload#/correlationid"},
            "payload": schema_at(paths.event(spec)),
            "bindings": keyed(PERSON_KEY),
            "examples": [{"name": spec.type, "payload": told().events[spec.type]}],
        }
    every = [_event_name(spec) for spec in EVENTS.values()]
    stream = {"x-jetstream": jetstream(streams.EVENTS)}
    for name, address, text in (
        (
            "event.published",
            f"{EVENT_SUBJECTS}.{{context}}.{{event}}.{{person_id}}",
            "As the writer publishes it. The stream puts the partition into the subject.",
        ),
        (
            "event.stored",
            f"{EVENT_SUBJECTS}.{{context}}.{{event}}.{{partition}}.{{person_id}}",
            "As it is stored: read it with a consumer of the stream.",
        ),
    ):
        used = {part: _PARAMETERS[part] for part in _PARAMETERS if f"{{{part}}}" in address}
        channels[name] = {
            "address": address,
            "servers": ON_NATS,
            "description": text,
            "parameters": used,
            "messages": messages_of(every),
            **stream,
        }
        operations[f"send.{name}"] = sends(name, every, text)
    for spec in EVENTS.values():
        name = f"event.{spec.context}.{spec.name}"
        channels[name] = {
            "address": f"{EVENT_SUBJECTS}.{spec.context}.{spec.name}",
            "servers": ON_NATS,
            "description": "Republished behind the store; not stored itself.",
            "messages": messages_of([_event_name(spec)]),
        }
        operations[f"send.{name}"] = sends(name, [_event_name(spec)], text_of(spec.model))


_EVENT_HEADERS: Final[Part] = {
    "type": "object",
    "properties": {"Nats-Msg-Id": {**A_UUID, "description": "Id of the event."}},
}
_PARAMETERS: Final[Part] = {
    "context": {
        "description": "Part of the life of a person.",
        "enum": sorted({spec.context for spec in EVENTS.values()}),
    },
    "event": {"description": "The event.", "enum": sorted({spec.name for spec in EVENTS.values()})},
    "partition": {"description": "Partition of the person, from 0."},
    "person_id": {"description": "Id of the person, a UUID."},
}


def _event_name(spec: EventSpec) -> str:
    return spec.model.__name__


def _query(endpoint: Endpoint, channels: Part, operations: Part, messages: Part) -> None:
    title = "".join(word.capitalize() for word in endpoint.name.split("_"))
    request, reply = f"{title}Request", f"{title}Reply"
    channel = f"query.{endpoint.name}"
    summary = text_of(endpoint.request)
    for name, text, path in (
        (request, summary, paths.request(endpoint.name)),
        (reply, f"The answer to {endpoint.name}.", paths.reply(endpoint.name)),
    ):
        messages[name] = {
            "name": name,
            "title": name,
            "summary": text,
            "contentType": JSON,
            "tags": tags("query"),
            "payload": schema_at(path),
        }
    messages[request]["examples"] = [
        {"name": f"{endpoint.name}.{number}", "payload": dict(one)}
        for number, one in enumerate(REQUESTS.get(endpoint.name, ()), 1)
    ]
    channels[channel] = {
        "address": f"person.queries.{endpoint.name}",
        "servers": ON_NATS,
        "messages": messages_of([request]),
    }
    channels[f"{channel}.reply"] = {"address": None, "servers": ON_NATS, "messages": messages_of([reply])}
    operations[f"receive.{endpoint.name}"] = {
        "action": "receive",
        "channel": channel_of(channel),
        "summary": summary,
        "messages": messages_in(channel, [request]),
        "bindings": {"nats": {"queue": QUERY_QUEUE, "bindingVersion": NATS_BINDING}},
        "reply": {"channel": channel_of(f"{channel}.reply"), "messages": messages_in(f"{channel}.reply", [reply])},
    }


def _live(channels: Part, operations: Part, messages: Part) -> None:
    if "subscribe" not in ENDPOINTS:
        return
    messages["Change"] = {
        "name": "Change",
        "title": "Change",
        "summary": "A row that matches now, changed or no longer matches; or where the subscription stands.",
        "contentType": JSON,
        "tags": tags("live"),
        "payload": schema_at(paths.CHANGE),
    }
    channels["live"] = {
        "address": "person.live.{subscription_id}",
        "servers": ON_NATS,
        "description": "Changes of the rows that somebody has subscribed to with the query subscribe.",
        "parameters": {"subscription_id": {"description": "Id of the subscription, as subscribe answered it."}},
        "messages": messages_of(["Change"]),
    }
    operations["send.live"] = sends("live", ["Change"], "Changes of subscribed rows.")


def _dead_letters(channels: Part, operations: Part, messages: Part) -> None:
    messages["DeadLetter"] = {
        "name": "DeadLetter",
        "title": "Dead letter",
        "summary": "A message that could not be handled, with its original bytes; the headers say why.",
        "contentType": "application/octet-stream",
        "tags": tags("dead letter"),
        "headers": schema_at(paths.DEAD_LETTER),
    }
    channels["dead_letter"] = {
        "address": "person.dlq.{consumer}.{cause}.{source}.{message}",
        "servers": ON_NATS,
        "parameters": {
            "consumer": {"description": "Agent or route that could not handle it."},
            "cause": {"description": "Why: a code."},
            "source": {"description": "Stream that has the message."},
            "message": {"description": "Its sequence there and a digest of its bytes."},
        },
        "messages": messages_of(["DeadLetter"]),
        "x-jetstream": jetstream(streams.DEAD_LETTERS),
    }
    operations["send.dead_letter"] = sends("dead_letter", ["DeadLetter"], "Messages that could not be handled.")


def _topics(channels: Part, operations: Part) -> None:
    declared = {topic.name: topic for topic in topics.declared_by(Settings())}
    for name, topic, carried, text in (
        (
            "topic.commands",
            topics.COMMANDS,
            [spec.name for spec in (*COMMANDS.values(), *PROCESS_COMMANDS.values())],
            "Commands, byte for byte.",
        ),
        ("topic.events", topics.EVENTS, [_event_name(spec) for spec in EVENTS.values()], "Events, byte for byte."),
        ("topic.sagas", topics.SAGAS, saga_event_names(), "Saga events, byte for byte."),
        ("topic.timers", topics.TIMERS, ["Timer"], "Timers that have become due."),
        ("topic.foreign", topics.FOREIGN, foreign_event_names(), "Events of neighbours, byte for byte."),
    ):
        channels[name] = {
            "address": topic,
            "servers": ON_KAFKA,
            "description": f"{text} The headers {', '.join(_KAFKA_HEADERS)} tell where the message is in JetStream.",
            "messages": messages_of(carried),
            "bindings": {
                "kafka": {
                    "topic": topic,
                    "partitions": declared[topic].partitions,
                    "replicas": declared[topic].replicas,
                    "topicConfiguration": _configuration(declared[topic].settings),
                    "bindingVersion": KAFKA_BINDING,
                }
            },
        }
        operations[f"send.{name}"] = sends(name, carried, text)


_KAFKA_HEADERS: Final = (headers.STREAM, headers.SUBJECT, headers.SEQUENCE, headers.STORED)
_KNOWN_SETTINGS: Final[Mapping[str, Callable[[str], Any]]] = {
    "cleanup.policy": lambda text: text.split(","),
    "retention.ms": int,
    "retention.bytes": int,
    "delete.retention.ms": int,
    "max.message.bytes": int,
}


def _configuration(settings: Mapping[str, str]) -> Part:
    return {name: read(settings[name]) for name, read in _KNOWN_SETTINGS.items() if name in settings}
