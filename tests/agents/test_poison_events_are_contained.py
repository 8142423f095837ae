"""An event that cannot be handled parks its person, with its cause in the dead letters, and no other person waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from lanes.record import Record
from ops.client import CommandMessage

if TYPE_CHECKING:
    from tests.agents.conftest import Persons, Worker

P = 3


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"type": "person.teleported"}, "unknown_type"),
        ({"dataversion": 99}, "unknown_version"),
        ({"data": 7}, "undecodable"),
        ({"data": {"new_name": 7}}, "undecodable"),
        ({"sequence": "x"}, "undecodable"),
        ({"subject": "0196f5a0-0000-7000-8000-000000000001"}, "subject_mismatch"),
        ({"type": "person.suspended", "data": {"reason": "r"}}, "subject_mismatch"),
    ],
    ids=lambda value: str(value),
)
async def test_an_event_that_is_none_of_the_catalogue_is_dead_lettered_with_its_cause(
    persons: Persons, worker: Worker, change: dict[str, object], cause: str
) -> None:
    ada, grace = persons.new(), persons.new()
    await persons.append(ada, "Ada")
    raw = orjson.dumps({**await _next_event(persons, ada), **change, "mark": f"poison {ada}"})
    await persons.append_raw(ada, raw)
    await persons.append(grace, "Grace", "Grace B")

    await worker.fold(await persons.stored(ada, grace))

    assert await persons.letters(f"poison {ada}") == [("fold_persons", cause, raw), ("project_timeline", cause, raw)]
    assert {key: one.cause for key, one in worker.parked().items()} == {
        ("fold_persons", ada): cause,
        ("project_timeline", ada): cause,
    }
    assert _versions(worker, ada, grace) == [1, 2]


async def test_bytes_that_are_no_json_are_dead_lettered_unchanged(persons: Persons, worker: Worker) -> None:
    ada, grace = persons.new(), persons.new()
    raw = b'{"broken \xff of ' + ada.encode()
    await persons.append_raw(ada, raw)
    await persons.append(grace, "Grace")

    await worker.fold(await persons.stored(ada, grace))

    assert await persons.letters(ada) == [
        ("fold_persons", "undecodable", raw),
        ("project_timeline", "undecodable", raw),
    ]
    assert _versions(worker, ada, grace) == [0, 1]


async def test_later_events_of_that_person_wait_in_the_dead_letters_of_each_agent(
    persons: Persons, worker: Worker
) -> None:
    ada, grace = persons.new(), persons.new()
    events = await persons.append(ada, "Ada")
    unknown = {**await _next_event(persons, ada), "type": "person.teleported"}
    await persons.append_raw(ada, orjson.dumps(unknown))
    later = {**unknown, "type": "person.name_updated", "sequence": events[-1].sequence + 2}
    await persons.append_raw(ada, orjson.dumps(later))
    await persons.append(grace, "Grace")

    await worker.fold(await persons.stored(ada, grace))

    letters = [(consumer, cause) for consumer, cause, _ in await persons.letters(ada)]
    for agent in ("fold_persons", "project_timeline"):
        assert [cause for consumer, cause in letters if consumer == agent] == ["unknown_type", "held_back"]
    assert [entry["sequence"] for entry in worker.timeline.read(P, ada)] == [1]
    assert _versions(worker, ada, grace) == [1, 1]


async def test_a_sequence_that_the_stream_never_held_is_dead_lettered_by_each_agent(
    persons: Persons, worker: Worker
) -> None:
    ada, grace = persons.new(), persons.new()
    await persons.append(ada, "Ada")
    ahead = {**await _next_event(persons, ada), "sequence": 5}
    await persons.append_raw(ada, orjson.dumps(ahead))
    await persons.append(grace, "Grace")

    await worker.fold(await persons.stored(ada, grace))

    assert sorted((consumer, cause) for consumer, cause, _ in await persons.letters(ada)) == [
        ("fold_persons", "handler_failed"),
        ("project_timeline", "handler_failed"),
    ]
    assert [entry["sequence"] for entry in worker.timeline.read(P, ada)] == [1]
    assert _versions(worker, ada, grace) == [1, 1]


async def test_a_record_that_the_bridge_did_not_write_is_dead_lettered(persons: Persons, worker: Worker) -> None:
    ada = persons.new()
    await persons.append(ada, "Ada")
    foreign = Record(0, b"", f"foreign {ada}".encode(), {}, 0)

    await worker.fold([foreign, *await persons.stored(ada), foreign._replace(headers={"nats-sequence": b"x"})])

    assert {(consumer, cause) for consumer, cause, _ in await persons.letters(f"foreign {ada}")} == {
        ("fold_persons", "undecodable")
    }
    assert _versions(worker, ada) == [1]


async def test_an_event_whose_subject_names_no_person_is_dead_lettered_and_parks_nobody(
    persons: Persons, worker: Worker
) -> None:
    ada = persons.new()
    await persons.append(ada, "Ada")
    nobody = f"nobody-{ada}"
    await persons.append_raw(nobody, b"{}" + ada.encode())

    await worker.fold(await persons.stored(nobody, ada))

    assert [(consumer, cause) for consumer, cause, _ in await persons.letters("{}" + ada)] == [
        ("fold_persons", "undecodable")
    ]
    assert worker.parked() == {}
    assert _versions(worker, ada) == [1]


async def test_a_person_that_outgrows_its_row_is_left_as_it_was_and_the_neighbour_goes_on(
    persons: Persons, worker: Worker
) -> None:
    ada, grace = persons.new(), persons.new()
    await persons.append(ada, "Ada")
    await worker.run(worker.event_agents(max_state_bytes=1000), await persons.stored(ada))
    await persons.append(ada, "Ada " + "B" * 90, "Ada " + "C" * 90)
    [_, *larger] = await persons.stored(ada)
    await persons.append(grace, "Grace", "Grace B")
    limit = len(dict(worker.rows()["persons"])[ada.encode()]) + 50

    await worker.run(worker.event_agents(max_state_bytes=limit), [*larger, *await persons.stored(grace)])

    assert _versions(worker, ada, grace) == [1, 2]
    # The first event whose state is too large is the poison, wherever it stands in its cycle.
    assert [(consumer, cause) for consumer, cause, _ in await persons.letters(ada)] == [
        ("fold_persons", "handler_failed"),
        ("fold_persons", "held_back"),
    ]
    assert worker.parked()["fold_persons", ada].first == int(larger[0].headers["nats-sequence"])
    summary = worker.summary.read(P, ada)
    assert summary is not None
    assert summary["sequence"] == 1
    assert worker.positions.applied(P) > 0


async def test_a_command_that_would_outgrow_the_row_is_refused_before_it_gets_there(
    persons: Persons, worker: Worker
) -> None:
    ada, grace = persons.new(), persons.new()
    decider = worker.decider(max_state_bytes=3000)
    adding = [
        CommandMessage(
            "person.commands.component.add",
            {"component_type": "EmailAddress", "data": {"email": {"address": f"ada{number}@example.org"}}},
            ada,
        )
        for number in range(20)
    ]

    # The rights of a person hold for a full row, too.
    erasing = CommandMessage("person.commands.privacy.request_erasure", {"legal_basis": "DataSubjectRequest"}, ada)

    outcomes = await worker.decide(
        persons.create(ada, "Ada"), *adding, persons.create(grace, "Grace"), erasing, decider=decider
    )

    of_ada = [(one["status"], one.get("code", "")) for one in outcomes if one.get("person_id") == ada]
    assert of_ada == [("accepted", "")] * 17 + [("refused", "component_limit")] * 4 + [("accepted", "")]
    assert [one["status"] for one in outcomes if one.get("person_id") == grace] == ["accepted"]
    assert await persons.sequences(ada) == list(range(1, 19))


async def _next_event(persons: Persons, person_id: str) -> dict[str, object]:
    """A valid next event of a person as a document, to be spoiled."""
    [*_, last] = await persons.stored(person_id)
    document: dict[str, object] = orjson.loads(last.value)
    name = {"given_names": ["Later"]}
    return {
        **document,
        "id": persons.new(),
        "type": "person.name_updated",
        "dataversion": 2,
        "sequence": int(str(document["sequence"])) + 1,
        "causationdepth": 1,
        "data": {"new_name": name},
    }


def _versions(worker: Worker, *person_ids: str) -> list[int]:
    worker.persons.forget(P)
    return [worker.persons.read(P, person_id).person.version for person_id in person_ids]
