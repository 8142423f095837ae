"""Valid events of persons, appended to JetStream as the writer of this system appends them."""

from __future__ import annotations

import random
import uuid
from typing import Any

import orjson
import uuid_utils
from nats.aio.client import Client

from bridge.append import EntityAppend, EventMessage, append
from domain.ids import derive
from domain.partitions import partition_of
from domain.subjects import person_filter

PERSONS = 2_000
EVENTS_PER_APPEND = 500


class Population:
    """Persons whose next event is known: created first, then suspended and reactivated in turn."""

    def __init__(self) -> None:
        self._random = random.Random(1)
        self._ids = [str(uuid_utils.uuid7()) for _ in range(PERSONS)]
        self._sequence = dict.fromkeys(self._ids, 0)

    def next_event(self) -> tuple[str, EventMessage]:
        """The next event of some person and the person's id."""
        person_id = self._random.choice(self._ids)
        sequence = self._sequence[person_id] = self._sequence[person_id] + 1
        name: dict[str, Any] = {
            "given_names": ["Bench"],
            "family_names": [f"P{sequence}"],
            "naming_convention": "Western",
        }
        kind, version, context, data = (
            ("created", 3, "lifecycle.created", {"name": name, "source": "bench", "onboarding": False})
            if sequence == 1
            else ("suspended", 2, "lifecycle.suspended", {"reason": "bench"})
            if sequence % 2 == 0
            else ("activated", 2, "lifecycle.activated", {"reason": "bench"})
        )
        command_id = str(uuid.uuid4())
        event_id = derive(command_id, "0")
        body = {
            "actor": "job:bench",
            "causationdepth": 0,
            "causationid": command_id,
            "correlationid": command_id,
            "data": data,
            "datacontenttype": "application/json",
            "dataversion": version,
            "id": event_id,
            "sequence": sequence,
            "source": "/person",
            "specversion": "1.0",
            "subject": person_id,
            "time": "2026-11-23T00:00:00Z",
            "type": f"person.{kind}",
        }
        payload = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
        return person_id, EventMessage(f"person.events.{context}.{person_id}", payload, event_id)


async def fill(nc: Client, events: int, partitions: int) -> dict[int, int]:
    """Append events of a new population in atomic batches; returns the last stream sequence per partition."""
    population = Population()
    last: dict[int, int] = {}
    expected: dict[str, int] = {}
    for first in range(0, events, EVENTS_PER_APPEND):
        by_person: dict[str, list[EventMessage]] = {}
        for _ in range(min(EVENTS_PER_APPEND, events - first)):
            person_id, message = population.next_event()
            by_person.setdefault(person_id, []).append(message)
        entities = [
            EntityAppend(person_filter(person_id), expected.get(person_id, 0), messages)
            for person_id, messages in by_person.items()
        ]
        for person_id, sequence in zip(by_person, await append(nc, entities), strict=True):
            expected[person_id] = sequence
            partition = partition_of(person_id, partitions)
            last[partition] = max(last.get(partition, 0), sequence)
    return last
