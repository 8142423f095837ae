"""Reading commands: what may be left out, what is refused, and under which field and rule."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from domain.command_address import CommandAddress, command_address
from domain.command_form import content_digest
from domain.commands import COMMANDS, read_command
from domain.envelope import COMMAND_PREFIX
from domain.ids import derive
from domain.refusals import Refused
from tests.domain.specification import ADA, COMMAND_TYPES, GRACE, NOW, envelope, read, uuid

SUSPEND = {"reason": "away"}
CREATE = {"name": "Ada Lovelace", "source": "hr"}


def refused(document: Any, **arguments: Any) -> Any:
    with pytest.raises(Refused) as caught:
        read(document, **arguments)
    return caught.value


def test_what_is_left_out_has_a_meaning() -> None:
    document = envelope("SuspendPerson", SUSPEND)
    del document["time"]
    asked = read(document, stored_at=NOW)
    assert (asked.now, asked.correlationid, asked.causationid) == (NOW, asked.id, asked.id)
    assert (asked.causationdepth, asked.expectedversion, asked.context) == (0, None, {})


def test_every_attribute_is_read() -> None:
    given = envelope(
        "SuspendPerson",
        {**SUSPEND, "context": {"tenant": "t", "x_page": 3}},
        correlationid=GRACE,
        causationid=GRACE,
        causationdepth=2,
        expectedversion=4,
        traceparent=f"00-{'a' * 32}-{'b' * 16}-01",
        tracestate="vendor=1",
        partitionkey=ADA,
        dataversion=1,
        datacontenttype="application/json",
        actor="policy:auto-archive@1",
    )
    asked = read(given)
    assert (asked.correlationid, asked.causationid, asked.causationdepth) == (GRACE, GRACE, 2)
    assert (asked.expectedversion, asked.context) == (4, {"tenant": "t", "x_page": 3})
    assert (asked.actor, asked.source, asked.name) == ("policy:auto-archive@1", "/clients/portal", "SuspendPerson")


def test_null_means_absent() -> None:
    asked = read(envelope("CreatePerson", {**CREATE, "birth_date": None, "onboarding": None}, expectedversion=None))
    assert asked.data == read(envelope("CreatePerson", CREATE)).data


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"specversion": "0.3"}, "specversion", "fixed_value"),
        ({"specversion": None}, "specversion", "missing"),
        ({"dataversion": 2}, "dataversion", "fixed_value"),
        ({"dataversion": True}, "dataversion", "fixed_value"),
        ({"datacontenttype": "text/plain"}, "datacontenttype", "fixed_value"),
        ({"id": "1"}, "id", "uuid"),
        ({"id": None}, "id", "uuid"),
        ({"subject": None}, "subject", "missing"),
        ({"subject": "ada"}, "subject", "uuid"),
        ({"subject": ADA.upper()}, "subject", "uuid"),
        ({"source": None}, "source", "missing"),
        ({"source": "a b"}, "source", "string_pattern_mismatch"),
        ({"actor": None}, "actor", "missing"),
        ({"actor": "user:ada@example.org"}, "actor", "string_pattern_mismatch"),
        ({"actor": "robot:1"}, "actor", "string_pattern_mismatch"),
        ({"actor": "user:" + "a" * 129}, "actor", "string_pattern_mismatch"),
        ({"actor": "user:a\n"}, "actor", None),
        ({"time": "2026-01-05T10:00:00"}, "time", "instant"),
        ({"time": "2026-01-05T10:00:00+00:00"}, "time", "instant"),
        ({"time": "2026-01-05T10:00:00.1234567Z"}, "time", "instant"),
        ({"time": "2026-02-30T10:00:00Z"}, "time", "instant"),
        ({"time": 0}, "time", "instant"),
        ({"causationdepth": -1}, "causationdepth", "greater_than_equal"),
        ({"causationdepth": "0"}, "causationdepth", "int_type"),
        ({"causationdepth": 1}, "causationdepth", "correlation"),
        ({"correlationid": GRACE}, "correlationid", "correlation"),
        ({"causationid": GRACE}, "correlationid", "correlation"),
        ({"causationid": "x"}, "causationid", "string_pattern_mismatch"),
        ({"expectedversion": -1}, "expectedversion", "greater_than_equal"),
        ({"expectedversion": True}, "expectedversion", "int_type"),
        ({"traceparent": "00"}, "traceparent", "string_pattern_mismatch"),
        ({"tracestate": 1}, "tracestate", "text"),
        ({"sequence": 1}, "sequence", "extra_forbidden"),
        ({"person_id": ADA}, "person_id", "extra_forbidden"),
        ({"now": "2026-01-05T10:00:00Z"}, "now", "extra_forbidden"),
        ({"context": {}}, "context", "extra_forbidden"),
        ({"data": None}, "data", "missing"),
        ({"data": []}, "data", "object"),
        ({"data": {}}, "data.reason", "missing"),
        ({"data": {"reason": " "}}, "data.reason", "reason_length"),
        ({"data": {"reason": "x" * 501}}, "data.reason", "reason_length"),
        ({"data": {"reason": 1}}, "data.reason", "string_type"),
        ({"data": {"reason": "a\x00b"}}, "data.reason", "control_character"),
        ({"data": {"reason": 1e40}}, "data.reason", "number_range"),
        ({"data": {**SUSPEND, "colour": 1}}, "data.colour", "extra_forbidden"),
        ({"data": {**SUSPEND, "Ada Lovelace": 1}}, "data", "extra_forbidden"),
        ({"data": {**SUSPEND, "context": []}}, "data.context", "object"),
        ({"data": {**SUSPEND, "context": {"name": "x"}}}, "data.context", "context_key"),
        ({"data": {**SUSPEND, "context": {"x_a": "x" * 5000}}}, "data.context", "context_size"),
        ({"type": "person.commands.lifecycle.explode"}, "type", "unknown_type"),
        ({"type": "person.suspended"}, "type", "unknown_type"),
        ({"type": 7}, "type", "unknown_type"),
    ],
)
def test_what_breaks_a_rule_is_refused_with_field_and_rule(change: Any, field: Any, rule: Any) -> None:
    document = envelope("SuspendPerson", SUSPEND)
    document.update(change)
    if rule is None:  # trailing white space is no part of a value
        assert read(document).actor == "user:a"
        return
    caught = refused(document)
    assert caught.code == "invalid_command"
    assert caught.facts == {"field": field, "rule": rule}


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b"[" * 2000])
def test_what_is_no_object_is_refused(raw: Any) -> None:
    with pytest.raises(Refused) as caught:
        read_command(raw, subject=f"{COMMAND_PREFIX}create", stored_at=NOW)
    assert caught.value.facts["field"] == "$"


def test_deep_data_is_refused() -> None:
    deep: object = 1
    for _ in range(200):
        deep = [deep]
    caught = refused(envelope("SuspendPerson", {"reason": deep}))
    assert caught.facts["rule"] == "depth"
    assert str(caught.facts["field"]).startswith("data.reason.0")


def test_the_type_is_the_subject_it_came_under() -> None:
    caught = refused(envelope("SuspendPerson", SUSPEND), subject=f"{COMMAND_PREFIX}create")
    assert caught.facts == {"field": "type", "rule": "subject_differs"}


@pytest.mark.parametrize("actor", ["import:i", "policy:p", "saga:s", "adapter:git"])
def test_some_actors_bring_their_own_time(actor: Any) -> None:
    read(envelope("SuspendPerson", SUSPEND, actor=actor, time="2001-01-01T00:00:00Z"))


@pytest.mark.parametrize("minutes", [-6, 6])
def test_the_others_keep_within_five_minutes(minutes: Any) -> None:
    document = envelope("SuspendPerson", SUSPEND)
    assert refused(document, stored_at=NOW + timedelta(minutes=minutes)).code == "clock_skew"
    read(document, stored_at=NOW + timedelta(minutes=minutes / 6 * 5))


def test_a_chain_of_causes_has_at_most_eight_links() -> None:
    caused = {"causationid": GRACE, "correlationid": GRACE}
    read(envelope("SuspendPerson", SUSPEND, causationdepth=8, **caused))
    deeper = refused(envelope("SuspendPerson", SUSPEND, causationdepth=9, **caused))
    assert (deeper.code, deeper.facts) == ("depth_exceeded", {"depth": 9, "limit": 8})


def test_a_name_may_be_sent_as_written() -> None:
    parts = {"given_names": ["Ada"], "family_names": ["Lovelace"]}
    assert read(envelope("CreatePerson", CREATE)).data == read(envelope("CreatePerson", {**CREATE, "name": parts})).data


@pytest.mark.parametrize(
    ("data", "field", "rule"),
    [
        ({}, "data.name", "missing"),
        ({**CREATE, "source": ""}, "data.source", "text_length"),
        ({**CREATE, "birth_date": "1815-12-10T00:00:00Z"}, "data.birth_date", "date"),
        ({**CREATE, "birth_date": 0}, "data.birth_date", "date"),
        ({**CREATE, "onboarding": 1}, "data.onboarding", "bool_type"),
        ({**CREATE, "name": {"given_names": ["R2"]}}, "data.name.given_names", "name_part_character"),
        ({**CREATE, "name": {"first": "Ada"}}, "data.name.first", "extra_forbidden"),
        ({**CREATE, "name": ""}, "data.name", "name_empty"),
        ({**CREATE, "name": 1}, "data.name", "model_type"),
    ],
)
def test_a_person_is_created_within_the_rules(data: Any, field: Any, rule: Any) -> None:
    assert refused(envelope("CreatePerson", data)).facts == {"field": field, "rule": rule}


def test_an_update_names_something_to_update() -> None:
    caught = refused(envelope("UpdatePerson", {"change_reason": "x"}))
    assert caught.facts == {"field": "data", "rule": "name_or_birth_date"}


def test_the_catalogue_names_every_command_by_its_subject() -> None:
    assert {spec.name: command_type for command_type, spec in COMMANDS.items()} == COMMAND_TYPES
    assert all(command_type.startswith(COMMAND_PREFIX) for command_type in COMMANDS)


ID = uuid("command SuspendPerson")


@pytest.mark.parametrize(
    ("raw", "address"),
    [
        (b"{", CommandAddress(None, None, "json", "$")),
        (b"[]", CommandAddress(None, None, "object", "$")),
        (b"{}", CommandAddress(None, None, "uuid", "id")),
        (orjson.dumps({"id": ID, "subject": ADA}), CommandAddress(ID, ADA, None, None)),
        (orjson.dumps({"id": ID}), CommandAddress(ID, None, "missing", "subject")),
        (orjson.dumps({"id": ID, "subject": []}), CommandAddress(ID, None, "uuid", "subject")),
        (
            orjson.dumps({"id": ID, "type": "person.commands.create"}),
            CommandAddress(ID, derive(ID, "person"), None, None),
        ),
    ],
)
def test_a_command_is_addressed_by_a_glance_at_its_bytes(raw: Any, address: Any) -> None:
    assert command_address(raw) == address


def test_the_digest_ignores_what_differs_between_tries() -> None:
    first = envelope("SuspendPerson", SUSPEND)
    again = {**first, "time": "2026-01-05T10:01:00Z", "tracestate": "x", "traceparent": "y"}
    assert content_digest(orjson.dumps(first)) == content_digest(orjson.dumps(again, option=orjson.OPT_SORT_KEYS))
    other = {**first, "data": {"reason": "other"}}
    assert content_digest(orjson.dumps(first)) != content_digest(orjson.dumps(other))


@pytest.mark.parametrize("raw", [b"{", b"[]", b"1", b'{"a":"x\\u0000y"}'])
def test_bytes_that_are_no_command_have_a_digest_too(raw: Any) -> None:
    assert len(content_digest(raw)) == 64
