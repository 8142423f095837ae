"""The answer to a command: its shape and its codes."""

import orjson
import pytest

from domain.event_data.lifecycle import PersonSuspended
from domain.outcomes import Outcome, Position
from domain.refusals import FAILURE_CODES, QUERY_ERROR_CODES, REFUSAL_CODES, Refused
from tests.domain.specification import ADA, GRACE, recorded, uuid


def test_an_accepted_command_names_its_events() -> None:
    event = recorded(PersonSuspended(reason="away"), 7)
    outcome = Outcome.accepted(GRACE, ADA, 7, [event], Position(stream_sequence=1042, partition=3))
    assert outcome.to_bytes() == (
        b'{"command_id":"%s","events":[{"id":"%s","sequence":7,"type":"person.suspended"}],"person_id":"%s",'
        b'"position":{"partition":3,"stream_sequence":1042},"status":"accepted","version":7}'
        % (GRACE.encode(), uuid("event 7").encode(), ADA.encode())
    )


def test_a_refused_command_names_code_reason_and_facts() -> None:
    outcome = Outcome.refused(Refused("merged_away", target=GRACE), command_id=uuid("c"), person_id=ADA, version=3)
    assert orjson.loads(outcome.to_bytes()) == {
        "command_id": uuid("c"),
        "status": "refused",
        "code": "merged_away",
        "reason": REFUSAL_CODES["merged_away"],
        "facts": {"target": GRACE},
        "person_id": ADA,
        "version": 3,
        "events": [],
        "position": None,
    }


def test_a_failed_command_has_no_facts() -> None:
    sent = orjson.loads(Outcome.failed("conflict", command_id=GRACE).to_bytes())
    assert (sent["status"], sent["code"], sent["position"]) == ("failed", "conflict", None)
    assert "facts" not in sent


def test_the_codes_are_those_of_the_specification() -> None:
    added = {"denied_by_policy"}
    assert added <= REFUSAL_CODES.keys()
    assert (len(REFUSAL_CODES.keys() - added), len(FAILURE_CODES), len(QUERY_ERROR_CODES)) == (54, 5, 10)


def test_an_unknown_code_is_a_defect() -> None:
    with pytest.raises(AssertionError):
        Refused("because")
