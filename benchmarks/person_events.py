"""Valid events of persons, of many kinds and in a likely order, appended to JetStream as the writer of this system appends them."""

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


LIVES = 8
"""Events after which a person goes round again."""


class Population:
    """Persons who live: created, given an address, a line, a post, skills and friends; then skilled, renamed, active, away and back."""

    def __init__(self, persons: int = PERSONS) -> None:
        self._random = random.Random(1)
        self.ids = [str(uuid_utils.uuid7()) for _ in range(persons)]
        self._sequence = dict.fromkeys(self.ids, 0)

    def next_event(self) -> tuple[str, EventMessage]:
        """The next event of some person and the person's id."""
        person_id = self._random.choice(self.ids)
        sequence = self._sequence[person_id] = self._sequence[person_id] + 1
        subject, event_type, version, data = self._event(person_id, sequence)
        command_id = str(uuid.uuid4())
        event_id = derive(command_id, "0")
        body = {
            "actor": "user:bench",
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
            "type": event_type,
        }
        payload = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
        return person_id, EventMessage(f"person.events.{subject}.{person_id}", payload, event_id)

    def _event(self, person_id: str, sequence: int) -> tuple[str, str, int, dict[str, Any]]:
        if sequence == 1:
            return (
                "lifecycle.created",
                "person.created",
                3,
                {"name": _name("P"), "source": "bench", "onboarding": False},
            )
        if sequence - 2 < len(COMPONENTS):
            component_type, component_data = COMPONENTS[sequence - 2]
            return self._added(person_id, component_type, component_data)
        turn = (sequence - 2 - len(COMPONENTS)) % LIVES
        if turn in (0, 3):
            skill = {"component_id": derive(person_id, "Skill"), "component_type": "Skill", "verification_reset": False}
            changes = {"years_of_experience": sequence % 80}
            return "component.updated", "person.component_updated", 2, {**skill, "changes": changes}
        if turn == 1:
            return "identity.updated", "person.name_updated", 2, {"new_name": _name(f"P{sequence}")}
        if turn in (2, 4, 5):
            return "policy.activity_recorded", "person.activity_recorded", 1, {"kind": "git_commit"}
        if turn == 6:
            return "lifecycle.suspended", "person.suspended", 2, {"reason": "bench"}
        return "lifecycle.activated", "person.activated", 2, {"reason": "bench"}

    def _added(
        self, person_id: str, component_type: str, component_data: dict[str, Any]
    ) -> tuple[str, str, int, dict[str, Any]]:
        if component_type == "EmailAddress":
            component_data = {**component_data, "email": {"address": f"p{self._random.randrange(10**9)}@example.org"}}
        if component_type == "Relationship":
            component_data = {**component_data, "other_person_id": self._random.choice(self.ids)}
        added = {
            "component_id": derive(person_id, component_type),
            "component_type": component_type,
            "component_data": component_data,
            "is_primary": True,
            "is_verified": False,
            "provenance": {"kind": "Entered"},
        }
        return "component.added", "person.component_added", 3, added


def _name(family: str) -> dict[str, Any]:
    return {"given_names": ["Bench"], "family_names": [family], "naming_convention": "Western"}


COMPONENTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("EmailAddress", {"email_type": "Work", "can_receive_notifications": True, "can_receive_marketing": False}),
    (
        "PhoneNumber",
        {
            "phone": {"number": "+493012345678"},
            "phone_type": "Work",
            "can_receive_sms": False,
            "can_receive_calls": True,
        },
    ),
    (
        "Employment",
        {
            "company": "Analytical Engines",
            "position": "Engineer",
            "employment_type": "FullTime",
            "start_date": "2020-01-01",
            "is_current": True,
        },
    ),
    ("Skill", {"name": "Python", "category": "Programming", "proficiency": "Expert"}),
    ("Relationship", {"relationship_type": "Colleague", "strength": 0.5, "interaction_count": 0}),
)
"""Components of a person in the order in which they come; an address and a colleague differ from person to person."""


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
