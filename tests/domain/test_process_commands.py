"""Commands on sagas and policies: how they are addressed, what is refused, and which saga a start names."""

from typing import Any

import orjson
import pytest

from domain.command_address import CommandAddress, Family, command_address, family_of
from domain.command_data.rules import RegisterRule
from domain.command_data.saga import StartSaga, SyncedIdentity
from domain.commands import COMMANDS
from domain.ids import NS, derive
from domain.process_commands import (
    PROCESS_COMMANDS,
    RULE_COMMANDS,
    SAGA_COMMANDS,
    ProcessCommand,
    read_process_command,
)
from domain.refusals import REFUSAL_CODES, Refused
from domain.status import MATRIX
from tests.domain.specification import ADA, GRACE, NOW, uuid

SAGA = uuid("saga")
ARCHIVAL = {"saga": "archival", "data": {"cause": "Archived"}}
SYNC = {
    "saga": "cross_domain_sync",
    "key": "hire-7",
    "data": {"identity": {"identity_id": "i-1", "identity_type": "corporate"}},
}
DATA: dict[str, Any] = {
    "StartSaga": ARCHIVAL,
    "CancelSaga": {"reason": "x"},
    "RetrySaga": {"reason": "x"},
    "SignalSaga": {"signal": "identity.rejected", "data": {"code": "unknown"}},
    "SkipSagaStep": {"step": "IdentityStep", "reason": "x"},
    "AbortSaga": {"reason": "x"},
    "RegisterRule": {"document": {"policy_id": "auto-archive"}},
    "ShadowRule": {"version": 1},
    "ActivateRule": {"version": 1},
    "SuspendRule": {"version": 1},
    "RetireRule": {"version": 1},
}
TYPES = {spec.name: spec.type for spec in PROCESS_COMMANDS.values()}


def document(name: str, data: Any = None, **attributes: Any) -> dict[str, Any]:
    target: dict[str, Any] = {"subject": "auto-archive"}
    if TYPES[name] in SAGA_COMMANDS:
        target = {"subject": ADA} if name == "StartSaga" else {"subject": SAGA, "partitionkey": ADA}
    return {
        "specversion": "1.0",
        "id": uuid(f"command {name}"),
        "type": TYPES[name],
        "source": "/clients/portal",
        "time": "2026-01-05T10:00:00Z",
        "actor": "user:u-1",
        "data": DATA[name] if data is None else data,
        **target,
        **attributes,
    }


def read(asked: dict[str, Any]) -> ProcessCommand:
    return read_process_command(orjson.dumps(asked), subject=asked["type"], stored_at=NOW)


def refused(asked: dict[str, Any]) -> Refused:
    with pytest.raises(Refused) as caught:
        read(asked)
    return caught.value


@pytest.mark.parametrize("name", sorted(TYPES))
def test_every_process_command_is_read_for_its_target_and_routed_by_its_key(name: str) -> None:
    asked = document(name)
    command = read(asked)
    is_rule = command.type in RULE_COMMANDS
    assert command.name == name
    assert (command.person_id, command.target == "auto-archive") == ((None, True) if is_rule else (ADA, False))
    key: str = "auto-archive" if is_rule else ADA
    family: Family = "rule" if is_rule else "saga"
    assert command_address(orjson.dumps(asked)) == CommandAddress(command.id, key, None, None, family)


def test_process_commands_are_a_family_of_their_own() -> None:
    assert DATA.keys() == TYPES.keys()
    assert not PROCESS_COMMANDS.keys() & COMMANDS.keys()
    assert not TYPES.keys() & MATRIX.keys()
    assert {family_of(one) for one in SAGA_COMMANDS} == {"saga"}
    assert {family_of(one) for one in RULE_COMMANDS} == {"rule"}
    assert {family_of(one) for one in COMMANDS} == {"person"}
    assert {"saga_exists", "saga_not_found", "saga_transition", "denied_by_policy"} <= REFUSAL_CODES.keys()


def test_a_start_names_the_saga_of_its_business_key() -> None:
    assert read(document("StartSaga")).target == derive(NS, f"saga:archival:{ADA}")
    command = read(document("StartSaga", SYNC))
    assert command.target == derive(NS, f"saga:cross_domain_sync:{ADA}:hire-7")
    assert isinstance(command.data, StartSaga)
    assert command.data.data.identity == SyncedIdentity(identity_id="i-1", identity_type="corporate")


@pytest.mark.parametrize(
    ("name", "change", "field", "rule"),
    [
        ("CancelSaga", {"partitionkey": None}, "partitionkey", "missing"),
        ("CancelSaga", {"partitionkey": "ada"}, "partitionkey", "uuid"),
        ("CancelSaga", {"subject": None}, "subject", "missing"),
        ("CancelSaga", {"subject": "archival"}, "subject", "uuid"),
        ("CancelSaga", {"target": SAGA}, "target", "extra_forbidden"),
        ("CancelSaga", {"person_id": ADA}, "person_id", "extra_forbidden"),
        ("CancelSaga", {"expectedversion": 3}, "expectedversion", "extra_forbidden"),
        ("CancelSaga", {"data": {}}, "data.reason", "missing"),
        ("StartSaga", {"subject": None}, "subject", "missing"),
        ("StartSaga", {"data": {**ARCHIVAL, "saga": "merge"}}, "data.saga", "literal_error"),
        ("StartSaga", {"data": {**ARCHIVAL, "key": "k"}}, "data", "key_of_sync"),
        ("StartSaga", {"data": {**SYNC, "key": None}}, "data", "key_of_sync"),
        ("StartSaga", {"data": {**SYNC, "key": "ada@example.org"}}, "data.key", "opaque_key"),
        ("StartSaga", {"data": {**SYNC, "data": {}}}, "data", "data_of_cross_domain_sync"),
        ("StartSaga", {"data": {**ARCHIVAL, "data": SYNC["data"]}}, "data", "data_of_archival"),
        (
            "StartSaga",
            {"data": {**SYNC, "data": {"location": {"location_id": "l-1", "location_type": "Hut"}}}},
            "data.data.location.location_type",
            "literal_error",
        ),
        ("SignalSaga", {"data": {"signal": "Rejected!"}}, "data.signal", "signal"),
        ("SkipSagaStep", {"data": {"step": "a b", "reason": "x"}}, "data.step", "step"),
        ("ActivateRule", {"subject": "Auto Archive"}, "subject", "policy_id"),
        ("ActivateRule", {"subject": None}, "subject", "missing"),
        ("ActivateRule", {"data": {"version": 0}}, "data.version", "greater_than_equal"),
        ("RegisterRule", {"data": {"document": []}}, "data.document", "dict_type"),
        ("RegisterRule", {"type": "person.commands.rules.explode"}, "type", "unknown_type"),
    ],
)
def test_what_breaks_a_rule_is_refused_with_field_and_rule(
    name: str, change: dict[str, Any], field: str, rule: str
) -> None:
    caught = refused({**document(name), **change})
    assert (caught.code, caught.facts) == ("invalid_command", {"field": field, "rule": rule})


@pytest.mark.parametrize(
    ("asked", "field", "reason", "family"),
    [
        ({"type": "person.commands.saga.cancel", "subject": SAGA}, "partitionkey", "missing", "saga"),
        ({"type": "person.commands.saga.cancel", "partitionkey": 7}, "partitionkey", "uuid", "saga"),
        ({"type": "person.commands.saga.start", "partitionkey": ADA}, "subject", "missing", "saga"),
        ({"type": "person.commands.rules.retire"}, "subject", "missing", "rule"),
        ({"type": "person.commands.rules.retire", "subject": ADA.upper()}, "subject", "policy_id", "rule"),
    ],
)
def test_what_cannot_be_routed_says_which_attribute_is_wrong(
    asked: dict[str, Any], field: str, reason: str, family: str
) -> None:
    address = command_address(orjson.dumps({"id": GRACE, **asked}))
    assert address == (GRACE, None, reason, field, family)


def test_an_unknown_command_of_a_family_is_answered_by_its_agent() -> None:
    raw = orjson.dumps({"id": GRACE, "type": "person.commands.saga.explode", "subject": SAGA, "partitionkey": ADA})
    assert command_address(raw) == CommandAddress(GRACE, ADA, None, None, "saga")


def test_a_document_keeps_its_members_in_their_canonical_form() -> None:
    asked = document("RegisterRule", {"document": {"title": " Archive  ", "version": 1.0, "note": None}})
    data = read(asked).data
    assert isinstance(data, RegisterRule)
    assert data.document == {"title": "Archive", "version": 1}
