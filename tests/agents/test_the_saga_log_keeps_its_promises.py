"""The log of sagas on the real stream: owners that overlap, inputs that raise, sagas that are not folded yet, and replays."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from agents.fold_sagas import FoldSagas
from agents.live_position import LivePositions
from agents.saga_counts import SagaCounts
from agents.saga_log import NotFoldedError, Reaction, SagaLog, Stimulus
from agents.saga_reading import SagaHistory
from agents.send_effects import SendEffects
from bridge import read
from bridge.dead_letters import DeadLetters
from config import streams
from domain.ids import saga_id_of
from domain.refusals import Refused
from domain.sagas import engine
from domain.sagas.inputs import AbortInput, RetryInput, SagaInput, SignalInput, StartInput
from domain.sagas.saga_events import saga_filter
from lanes.record import Record
from tables.position import AppliedPositions
from tables.sagas import SagasTable
from tests.agents.conftest import P, Persons, carried

if TYPE_CHECKING:
    from nats.aio.client import Client

    from tests.agents.conftest import Worker

RECORD = Record(0, b"", b"{}", {}, 0)


class Owner:
    """One worker's log of sagas, its agents on person.sagas, and what they count."""

    def __init__(self, nc: Client, worker: Worker, live: str) -> None:
        letters = DeadLetters(nc, "person.dlq")
        self.nc = nc
        self.table = SagasTable(worker._tables["sagas"])
        self.positions = AppliedPositions()
        self.log = SagaLog(nc, self.table, worker.persons, worker.log, SagaHistory(nc), self.positions, letters)
        # What others have appended to the partition is nothing that this table could hold.
        self.log._awaited[P] = 0
        self.counts = SagaCounts()
        self.live = LivePositions(nc, live)
        self.agents = [
            FoldSagas(self.table, self.log, letters),
            SendEffects(nc, self.live, letters, self.counts),
        ]

    async def react(self, person_id: str, saga_id: str, *inputs: SagaInput) -> list[Reaction]:
        """What becomes of inputs of one saga, all in one group."""
        return await self.log.react(
            P, [Stimulus(one, "decide_saga", RECORD, person_id, saga_id, starts=True) for one in inputs]
        )


@pytest.fixture
def new_owner(nc: Client, worker: Worker) -> Callable[[], Owner]:
    """Makes owners of one partition; they share its tables and its live position."""
    live = f"t{uuid.uuid4().hex[:8]}"
    return lambda: Owner(nc, worker, live)


@pytest.fixture
async def person_id(persons: Persons) -> str:
    """A person that is in the stream, folded nowhere."""
    one = persons.new()
    await persons.append(one, "Ada")
    return one


async def test_two_owners_that_overlap_append_what_one_would(new_owner: Callable[[], Owner], person_id: str) -> None:
    old, new = new_owner(), new_owner()
    saga_id = archival_of(person_id)
    start = start_of(person_id)
    answers = [signal(domain) for domain in ("organization", "location", "agent", "git", "identity")]

    # The same inputs, in other portions, by an owner that does not know that it was replaced.
    await old.react(person_id, saga_id, start)
    await new.react(person_id, saga_id, start, *answers[:2])
    [*_, last] = await old.react(person_id, saga_id, start, *answers)
    [stranger] = await new.react(person_id, saga_id, start_of(person_id))

    assert last.saga is not None
    assert (last.saga.status, last.saga.version) == ("Completed", 12)
    assert isinstance(stranger.refused, Refused)
    assert stranger.refused.code == "saga_exists"
    assert [one.event.sequence async for one in SagaHistory(new.nc).arrivals(saga_id) if one.event] == [*range(1, 13)]


async def test_a_refusal_rests_on_what_the_stream_holds(new_owner: Callable[[], Owner], person_id: str) -> None:
    saga_id = archival_of(person_id)
    [started] = await new_owner().react(person_id, saga_id, start_of(person_id))

    # Nothing is folded, and this owner has appended nothing: it has to read both, the person and the saga.
    [retried] = await new_owner().react(person_id, saga_id, RetryInput(**common(), reason="try"))
    [unknown] = await new_owner().react(person_id, str(uuid.uuid4()), AbortInput(**common(), reason="try"))
    # A saga is found under its own person only, whatever a sender claims.
    [misled] = await new_owner().react(Persons.new(), saga_id, AbortInput(**common(), reason="try"))

    assert len(started.events) == 2
    assert isinstance(retried.refused, Refused)
    assert retried.refused.facts == {"status": "Running", "step": "release_organization"}
    assert unknown == Reaction()
    assert isinstance(misled.refused, Refused)
    assert (misled.refused.code, misled.events) == ("saga_not_found", ())


async def test_an_input_that_raises_parks_its_saga_and_no_other(
    new_owner: Callable[[], Owner], persons: Persons, person_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = new_owner()
    neighbour = persons.new()
    await persons.append(neighbour, "Grace")
    for one in (person_id, neighbour):
        await owner.react(one, archival_of(one), start_of(one))
    reacts: Callable[..., Any] = engine.react

    def defective(saga: Any, given: SagaInput, *others: Any, **named: Any) -> Any:
        if isinstance(given, SignalInput) and saga.person_id == person_id:
            raise ZeroDivisionError
        return reacts(saga, given, *others, **named)

    monkeypatch.setattr(engine, "react", defective)
    record = RECORD._replace(value=person_id.encode())
    poison = signal("organization")
    stimuli = [Stimulus(poison, "decide_saga", record, one, archival_of(one)) for one in (person_id, neighbour)]
    parked, moved = await owner.log.react(P, stimuli)
    again, _ = await owner.log.react(P, stimuli)
    monkeypatch.undo()
    [resumed] = await owner.react(person_id, archival_of(person_id), RetryInput(**common(), reason="fixed"))

    assert parked.failed
    assert parked.saga is not None
    assert (parked.saga.is_parked, parked.saga.error) == (True, "ZeroDivisionError")
    assert moved.saga is not None
    assert moved.saga.step == "release_location"
    assert again.events == ()
    assert resumed.saga is not None
    assert (resumed.saga.status, resumed.saga.round) == ("Running", 2)
    assert await persons.letters(person_id) == [("decide_saga", "handler_failed", person_id.encode())]


async def test_effects_follow_once_and_a_replay_causes_nothing(
    new_owner: Callable[[], Owner], worker: Worker, person_id: str
) -> None:
    owner = new_owner()
    saga_id = archival_of(person_id)
    await owner.react(person_id, saga_id, start_of(person_id), signal("organization"))
    records = await stored(owner.nc, saga_id)

    await worker.run(owner.agents, records)
    # A crash before the offset is committed: they come again, and the stream tells that it has them.
    await worker.run(owner.agents, records)
    asked = [one async for one in read.messages(owner.nc, streams.OUTBOUND, "*.commands.release_person")]
    assert [one.subject.split(".")[0] for one in asked if person_id.encode() in one.data] == [
        "organization",
        "location",
    ]
    row = owner.table.read(P, saga_id)
    assert row is not None
    assert (row.saga.version, row.recent[-1].type) == (4, "person.saga.step_started")
    assert owner.table.running_of(P, person_id) == [saga_id]

    # Another owner folds everything anew, with the live position that was kept.
    await owner.live.write()
    worker.lose("sagas")
    successor = new_owner()
    await worker.run(successor.agents, records)

    assert successor.table.read(P, saga_id) == row
    assert successor.counts.effects == {}


async def test_no_input_is_taken_before_the_fold_has_reached_what_was_there(
    new_owner: Callable[[], Owner], person_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.saga_log.FOLDED_WITHIN_S", 0.05)
    owner = new_owner()
    await owner.react(person_id, archival_of(person_id), start_of(person_id))
    owner.log.forget(P)

    with pytest.raises(NotFoldedError, match=f"partition {P}"):
        await owner.react(person_id, archival_of(person_id), signal("organization"))


def archival_of(person_id: str) -> str:
    return saga_id_of(f"archival:{person_id}")


def start_of(person_id: str) -> StartInput:
    key = f"archival:{person_id}"
    return StartInput(**common(), saga="archival", business_key=key, data={"cause": "Archived"})


def signal(domain: str) -> SignalInput:
    return SignalInput(**common(), signal=f"{domain}.person_released")


def common() -> dict[str, Any]:
    message_id = str(uuid.uuid4())
    return {
        "id": message_id,
        "now": datetime.now(UTC),
        "correlationid": message_id,
        "causationid": message_id,
        "depth": 0,
        "actor": "user:test",
    }


async def stored(nc: Client, saga_id: str) -> Sequence[Record]:
    """The events of a saga as a lane gets them."""
    return [
        carried(streams.SAGAS, one.subject, one.data, one.stream_sequence, 0)
        async for one in read.messages(nc, streams.SAGAS, saga_filter(saga_id))
    ]
