"""The events that every engine gets: CloudEvents of 525 bytes, the same bytes in the same order for the same number of keys."""

from __future__ import annotations

import itertools
import random
import struct
import uuid
from collections.abc import Iterator
from typing import NamedTuple

import orjson

EVENT_BYTES = 525
PARTITIONS = 4
FEW_KEYS = 5_000
MANY_KEYS = 1_000_000
SEED = 1
DUE_HEADER = "due"
_DUE = struct.Struct("<q")


class Event(NamedTuple):
    """One event; `key` is the entity, `value` its JSON of exactly EVENT_BYTES bytes."""

    partition: int
    key: bytes
    value: bytes


def events(keys: int) -> Iterator[Event]:
    """Endless events of `keys` entities, chosen uniformly; `version` counts up within an entity."""
    chosen = random.Random(SEED)
    versions: dict[int, int] = {}
    for number in itertools.count():
        entity = chosen.randrange(keys)
        version = versions[entity] = versions.get(entity, 0) + 1
        key = f"{entity:08d}-1111-7222-8333-444455556666"
        event_id = str(uuid.UUID(int=number))
        body = {
            "specversion": "1.0",
            "id": event_id,
            "type": "person.component_added",
            "source": "/person",
            "subject": key,
            "version": version,
            "data": {
                "component_type": "EmailAddress",
                "component_data": {
                    "email": f"u{number}@example.org",
                    "email_type": "Work",
                    "is_preferred_contact": True,
                },
                "pad": "",
            },
            "metadata": {
                "correlation_id": event_id,
                "causation_id": None,
                "timestamp": "2026-11-23T00:00:00Z",
                "actor": "user:1",
            },
        }
        missing = EVENT_BYTES - len(orjson.dumps(body))
        body["data"]["pad"] = "x" * missing  # type: ignore[index]  # the literal above
        yield Event(entity % PARTITIONS, key.encode(), orjson.dumps(body))


def due_header(due_ns: int) -> tuple[str, bytes]:
    """The header that carries when an event was due, in nanoseconds since the epoch."""
    return DUE_HEADER, _DUE.pack(due_ns)


def due_of(value: bytes) -> int:
    """The due time of a header value."""
    due: int = _DUE.unpack(value)[0]
    return due
