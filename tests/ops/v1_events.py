"""Synthetic streams of old events: every old name and payload, as several generations of writers left them.

The same seed gives the same events. `python -m tests.ops.v1_events 100000 > old.ndjson` writes a file of them."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import orjson

from domain.ids import NS, derive

GIVEN = ("Ada", "Grace", "Karl", "José", "Søren", "Zoë", "Noor", "Ewa")
FAMILY = ("Lovelace", "Hopper", "Weiß", "García", "Kierkegaard", "Haddad", "Kowalska", "O'Neill")
WHOLE = ("毛泽东", "Plato", "Dr Ludwig van Beethoven Jr", "Gabriel García y Márquez")
START = datetime(2019, 1, 1, tzinfo=UTC)
Payload = tuple[str, int, dict[str, Any]]


class OldEvent(NamedTuple):
    """A stored event and the subject that its writer chose."""

    subject: str
    document: dict[str, Any]


@dataclass
class _Person:
    """A person as an old writer knew it."""

    id: str
    numbered: bool
    """Whether its writer gave sequences, versions and times in the envelope; the first one did not."""
    sequence: int = 0
    components: dict[str, list[str]] = field(default_factory=dict)
    name: Any = None
    active: bool = True
    ended: bool = False


class Writer:
    """Writes old events of some persons, one after the other, in an order that mixes them."""

    def __init__(self, persons: int, *, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self._persons = [
            _Person(derive(NS, f"old person {seed} {number}"), numbered=number % 3 > 0) for number in range(persons)
        ]
        self._written = 0

    def events(self, count: int) -> Iterator[OldEvent]:
        """The next events."""
        for _ in range(count):
            person = self._random.choice(self._persons)
            yield self._event(person, *self._next(person))

    def _event(self, person: _Person, event_type: str, version: int, data: dict[str, Any]) -> OldEvent:
        self._written += 1
        person.sequence += 1
        at = (START + timedelta(seconds=self._written)).isoformat().replace("+00:00", "Z")
        document: dict[str, Any] = {
            "specversion": "1.0",
            "id": derive(person.id, f"event {person.sequence}"),
            "type": event_type,
            "source": "/legacy",
            "data": data,
        }
        if person.numbered:
            document |= {"subject": person.id, "sequence": person.sequence, "dataversion": version, "time": at}
        elif version == 1:
            data |= {"person_id": person.id, "updated_at": at}
        else:
            document |= {"subject": person.id, "dataversion": version, "time": at}
        if person.sequence % 4 == 0:
            document |= {"actor": "import:legacy", "correlationid": document["id"], "causationid": document["id"]}
        name = event_type.removeprefix("person.")
        return OldEvent(f"{name}.{person.id[:2]}", document)

    def _next(self, person: _Person) -> Payload:
        if not person.sequence:
            person.name = self._name()
            version = self._random.choice((1, 1, 2))
            return "person.created", version, {"name": person.name, "source": self._random.choice(("hr", "crm"))}
        if not person.ended and self._random.random() < 0.004:
            person.ended = True
            return self._random.choice((self._merged, self._died))(person)
        return self._random.choice(self._CHANGES)(self, person)

    def _name(self) -> Any:
        if self._random.random() < 0.1:
            return self._random.choice(WHOLE)
        given, family = self._random.choice(GIVEN), self._random.choice(FAMILY)
        form = self._random.randrange(4)
        if form == 0:
            return {"first_name": given, "last_name": family, "middle_name": " ", "preferred_name": given}
        if form == 1:
            return {"given_name": given, "family_name": family, "suffix": "II"}
        return {"given_names": [given], "family_names": [family]} if form == 2 else f"{given} {family}"

    def _held(self, person: _Person, kind: str) -> str:
        ids = person.components.setdefault(kind, [])
        return self._random.choice(ids) if ids else derive(person.id, f"never added {kind}")

    def _new(self, person: _Person, kind: str) -> str:
        component_id = derive(person.id, f"{kind} {person.sequence}")
        person.components.setdefault(kind, []).append(component_id)
        return component_id

    def _updated(self, person: _Person) -> Payload:
        person.name = self._name()
        return "person.updated", 1, {"name": person.name}

    def _renamed(self, person: _Person) -> Payload:
        before, person.name = person.name, self._name()
        return "person.name_updated", 1, {"old_name": before, "new_name": person.name, "reason": "told us"}

    def _named_again(self, person: _Person) -> Payload:
        return "person.name_updated", 1, {"old_name": person.name, "new_name": person.name}

    def _born(self, _: _Person) -> Payload:
        return "person.birth_date_set", 1, {"birth_date": f"19{self._random.randrange(10, 99)}-02-03"}

    def _switched(self, person: _Person) -> Payload:
        person.active = not person.active
        verb = "reactivated" if person.active else "deactivated"
        return f"person.{verb}", 1, {"reason": "as asked"}

    def _died(self, _: _Person) -> Payload:
        return "person.death_recorded", 1, {"date_of_death": "2018-12-31"}

    def _merged(self, _: _Person) -> Payload:
        reason = self._random.choice(("DuplicateIdentity", "found twice"))
        return "person.merged_into", 1, {"merged_into_id": self._persons[0].id, "merge_reason": reason}

    def _registered(self, _: _Person) -> Payload:
        return "person.component_registered", 1, {"component_type": self._random.choice(("Email", "Skill"))}

    def _unregistered(self, _: _Person) -> Payload:
        return "person.component_unregistered", 1, {"component_type": self._random.choice(("Email", "Phone"))}

    def _legacy_data(self, person: _Person) -> Payload:
        known = self._random.random() < 0.5
        component_id = self._held(person, "legacy") if known else self._new(person, "legacy")
        return "person.component_data_updated", 1, {"component_id": component_id, "data": {"note": person.sequence}}

    def _item_added(self, person: _Person) -> Payload:
        kind, own = self._random.choice(
            (
                ("email", {"email": {"address": f"p{person.sequence}@example.org"}, "preferred": True}),
                ("phone", {"phone": {"number": "+4930123456"}, "is_verified": True}),
                ("phone", {"number": "030 / 123456"}),
                ("skill", {"name": f"Skill {person.sequence}", "category": "Other", "proficiency": "Expert"}),
                ("social_profile", {"platform": "GitHub", "username": "ada", "profile_url": "https://example.org/ada"}),
                ("employment", {"company_name": "Engines", "job_title": "Author", "start_date": "2001-02-03"}),
            )
        )
        return f"person.{kind}_added", 1, {"component_id": self._new(person, kind), **own}

    def _item_updated(self, person: _Person) -> Payload:
        kind, changes = self._random.choice(
            (
                ("email", {"email": {"address": f"q{person.sequence}@example.org"}}),
                ("phone", {"phone_type": "Mobile"}),
                ("skill", {"proficiency": "Beginner", "last_used": None}),
                ("social_profile", {"bio": "writes"}),
                ("employment", {"job_title": "Editor"}),
            )
        )
        return f"person.{kind}_updated", 1, {"component_id": self._held(person, kind), "changes": changes}

    def _item_removed(self, person: _Person) -> Payload:
        kind = self._random.choice(("email", "phone", "skill", "social_profile", "employment"))
        component_id = self._held(person, kind)
        if component_id in person.components[kind]:
            person.components[kind].remove(component_id)
        return f"person.{kind}_removed", 1, {"component_id": component_id}

    def _employment_ended(self, person: _Person) -> Payload:
        data = {"component_id": self._held(person, "employment"), "end_date": "2019-01-01"}
        return "person.employment_ended", 1, data

    def _endorsed(self, person: _Person) -> Payload:
        data = {"component_id": self._held(person, "skill"), "endorser_name": "Grace"}
        return "person.skill_endorsed", 1, data if person.numbered else {**data, "timestamp": "2019-01-01T00:00:00Z"}

    def _preferences(self, _: _Person) -> Payload:
        if self._random.random() < 0.5:
            return "person.communication_preferences_updated", 1, {"changes": {"contact_frequency": "Weekly"}}
        return "person.privacy_preferences_updated", 1, {"changes": {"data_retention": "OneYear"}}

    def _consented(self, _: _Person) -> Payload:
        granted = self._random.random() < 0.5
        return "person.consent_recorded", 1, {"consent_type": "marketing", "granted": granted, "version": "3"}

    def _component_v2(self, person: _Person) -> Payload:
        data = {"component_type": "Phone", "component_data": {"phone": {"number": f"+49301234{person.sequence:03d}"}}}
        return "person.component_added", 2, data

    def _employed_v2(self, person: _Person) -> Payload:
        return "person.employment_added", 2, {"organization_id": derive(person.id, "organization"), "role": "Author"}

    def _suspended_v2(self, _: _Person) -> Payload:
        return "person.suspended", 2, {"reason": "as asked"}

    _CHANGES: tuple[Callable[[Writer, _Person], Payload], ...] = (
        _updated,
        _renamed,
        _named_again,
        _born,
        _switched,
        _registered,
        _unregistered,
        _legacy_data,
        _item_added,
        _item_added,
        _item_added,
        _item_updated,
        _item_removed,
        _employment_ended,
        _endorsed,
        _preferences,
        _consented,
        _component_v2,
        _employed_v2,
        _suspended_v2,
    )


if __name__ == "__main__":
    wanted = int(sys.argv[1])
    for one in Writer(max(wanted // 10, 1)).events(wanted):
        sys.stdout.buffer.write(orjson.dumps(one.document) + b"\n")
