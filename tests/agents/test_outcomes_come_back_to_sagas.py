"""The outcome of a saga's command becomes a signal to it; what only claims to come of a saga becomes none and stops nobody."""

from __future__ import annotations

import uuid
from typing import Any

import orjson
import pytest

from agents.saga_signals import SIGNAL, signal_of
from bridge import headers
from domain.command_data.saga import SignalSaga
from domain.outcomes import Outcome
from domain.process_commands import read_process_command
from domain.refusals import Refused
from lanes.record import Record

# Fixed, for they are part of the names of tests: test processes that run side by side must collect the same ones.
SAGA, PERSON, OTHER = (str(uuid.uuid5(uuid.NAMESPACE_OID, name)) for name in ("saga", "person", "other"))
COMMAND: dict[str, Any] = {
    "id": str(uuid.uuid4()),
    "type": "person.commands.lifecycle.absorb",
    "subject": OTHER,
    "actor": "saga:merge",
    "correlationid": str(uuid.uuid4()),
    "causationid": str(uuid.uuid4()),
    "causationdepth": 1,
    "data": {"context": {"saga_id": SAGA, "saga_step": "absorb", "x_saga_person_id": PERSON}},
}


def record_of(command: Any, sequence: int = 7) -> Record:
    carried = {headers.SUBJECT: b"s", headers.SEQUENCE: b"%d" % sequence, headers.STORED: b"1700000000000000000"}
    return Record(0, b"", orjson.dumps(command), carried, 0)


def test_a_refusal_is_signalled_to_the_saga_with_its_code_and_facts() -> None:
    refused = Refused("merged_away", target=PERSON)
    outcome = Outcome.refused(refused, command_id=COMMAND["id"], person_id=OTHER, version=3)

    signal = signal_of(record_of(COMMAND), outcome.to_bytes())

    assert signal is not None
    stored_at = headers.stored_at(record_of(COMMAND).headers)
    read = read_process_command(signal.data, subject=SIGNAL, stored_at=stored_at)
    assert (read.target, read.person_id, read.causationid) == (SAGA, PERSON, COMMAND["id"])
    assert (read.correlationid, read.causationdepth) == (COMMAND["correlationid"], 1)
    assert isinstance(read.data, SignalSaga)
    assert read.data.data == {
        "command_id": COMMAND["id"],
        "status": "refused",
        "code": "merged_away",
        "facts": {"target": PERSON},
        "version": 3,
    }


@pytest.mark.parametrize("sent", [None, f"00-{'a' * 32}-{'b' * 16}-01", "no trace"], ids=["none", "trace", "wrong"])
def test_a_signal_carries_the_trace_of_its_command(sent: str | None) -> None:
    command = COMMAND if sent is None else {**COMMAND, "traceparent": sent}
    outcome = Outcome.accepted(COMMAND["id"], OTHER, 3).to_bytes()

    signal = signal_of(record_of(command), outcome)

    assert signal is not None
    assert orjson.loads(signal.data).get("traceparent") == (None if sent == "no trace" else sent)


def test_a_final_outcome_has_one_signal_and_each_failure_its_own() -> None:
    accepted = Outcome.accepted(COMMAND["id"], OTHER, 3).to_bytes()
    failed = Outcome.failed("unavailable", command_id=COMMAND["id"]).to_bytes()

    ids = [_id(record_of(COMMAND, sequence), outcome) for outcome in (accepted, failed) for sequence in (7, 7, 8)]

    assert ids[0] == ids[1] == ids[2]
    assert ids[3] == ids[4] != ids[5]


@pytest.mark.parametrize(
    "changed",
    [
        {"actor": "user:saga"},
        {"actor": "saga:Mallory@example.org"},
        {"actor": 7},
        {"correlationid": {"a": float(7)}},
        {"correlationid": None},
        {"causationdepth": 10**9},
        {"causationdepth": True},
        {"data": "saga:"},
        {"data": {"context": [SAGA]}},
        {"data": {"context": {"saga_id": "person.*.>", "x_saga_person_id": PERSON}}},
        {"data": {"context": {"saga_id": SAGA}}},
    ],
    ids=str,
)
def test_what_no_saga_writes_is_signalled_to_nobody(changed: dict[str, Any]) -> None:
    outcome = Outcome.failed("unavailable", command_id=COMMAND["id"]).to_bytes()

    assert signal_of(record_of({**COMMAND, **changed}), outcome) is None


def _id(record: Record, outcome: bytes) -> str:
    signal = signal_of(record, outcome)
    assert signal is not None
    return signal.command_id
