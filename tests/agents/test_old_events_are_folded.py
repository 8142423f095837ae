"""Events of old versions that lie in the event stream are folded as what they became, whatever number of events that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from domain.ids import derive

if TYPE_CHECKING:
    from tests.agents.conftest import Persons, Worker

P = 3
OLD: list[tuple[str, str, int | None, dict[str, Any]]] = [
    ("lifecycle.created", "person.created", 1, {"name": {"first_name": "Ada"}, "source": "hr"}),
    ("component.updated", "person.component_data_updated", 1, {"component_id": "", "data": {"pen": "quill"}}),
    ("component.added", "person.component_added", 2, {"component_type": "Email", "component_data": {"email": "raw"}}),
    ("identity.updated", "person.name_updated", 1, {"old_name": "Ada", "new_name": "Ada"}),
    ("lifecycle.suspended", "person.deactivated", None, {"reason": "away"}),
]


async def test_old_events_are_folded_as_what_they_became(persons: Persons, worker: Worker) -> None:
    ada = persons.new()
    component = derive(ada, "legacy")
    for sequence, (name, event_type, version, data) in enumerate(OLD, 1):
        old = stored(ada, sequence, event_type, version, data | ({"component_id": component} if sequence == 2 else {}))
        await persons.append_raw(ada, orjson.dumps(old), f"person.events.{name}")
    records = await persons.stored(ada)

    await worker.fold(records[:4])
    # The event before this one left no entry: the timeline looks into the stream before it goes on.
    await worker.fold(records[4:])
    await worker.fold(records)

    person = worker.persons.read(P, ada).person
    assert (person.version, person.status) == (5, "Suspended")
    assert person.components[component].data.model_dump()["value"] == {"pen": "quill"}  # type: ignore[union-attr]
    assert sorted(held.component_type for held in person.components.values()) == ["CustomAttribute", "EmailAddress"]
    summary = worker.summary.read(P, ada)
    assert summary is not None
    assert (summary["sequence"], summary["display_name"], summary["status"]) == (5, "Ada", "Suspended")
    assert [(one["sequence"], one["part"], one["type"]) for one in worker.timeline.read(P, ada)] == [
        (1, 0, "person.created"),
        (2, 0, "person.component_added"),
        (2, 1, "person.component_updated"),
        (3, 0, "person.component_added"),
        (5, 0, "person.suspended"),
    ]
    assert worker.parked() == {}

    unknown = stored(ada, 6, "person.updated", 2, {"name": "Countess"})
    await persons.append_raw(ada, orjson.dumps(unknown), "person.events.identity.updated")
    await worker.fold((await persons.stored(ada))[5:])

    parked = {agent: (one.cause, one.reason) for (agent, _), one in worker.parked().items()}
    assert parked["fold_persons"] == ("unknown_version", "person.updated 2 is newer than 1")
    assert worker.persons.read(P, ada).person.version == 5


def stored(person_id: str, sequence: int, event_type: str, version: int | None, data: dict[str, Any]) -> dict[str, Any]:
    """An event as the first writers stored it."""
    versioned = {} if version is None else {"dataversion": version}
    return {
        "specversion": "1.0",
        "id": derive(person_id, str(sequence)),
        "type": event_type,
        "source": "/person",
        "subject": person_id,
        "time": f"2020-01-0{sequence}T00:00:00Z",
        "sequence": sequence,
        "data": {**data, "person_id": person_id},
        **versioned,
    }
