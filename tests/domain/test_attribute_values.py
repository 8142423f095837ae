"""Values of attributes: typed on the wire, strict when they enter, tolerant when they are read."""

import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from domain.event_data.identity import AttributeRecorded
from domain.events import read_event, write_event
from domain.person import dump_state, load_state
from domain.personal import Redacted
from domain.refusals import Refused
from domain.values.attribute import AttributeProvenance, group_of
from domain.values.attribute_value import VALUE_TYPES, ListValue, TextValue
from tests.domain.specification import GRACE, command, created, given, person_after, recorded, uuid

VALUES: list[dict[str, Any]] = [
    {"type": "Text", "value": "left-handed"},
    {"type": "Number", "value": 0.5},
    {"type": "Integer", "value": -3},
    {"type": "Bool", "value": False},
    {"type": "Date", "value": "1815-12-10"},
    {"type": "Year", "value": 1815},
    {"type": "ApproximateDate", "value": "1815-12-01", "precision": "Month"},
    {"type": "Length", "value": 1.8},
    {"type": "Mass", "value": 60},
    {"type": "PersonRef", "value": GRACE},
    {"type": "LocationRef", "value": "loc-1"},
    {"type": "List", "value": [{"type": "Text", "value": "a"}, {"type": "List", "value": []}]},
    {"type": "Json", "value": {"a": [None, 1, {"b": True}]}},
]


def recording(value: Any) -> dict[str, Any]:
    provenance = {"source": "SelfReported", "confidence": "Likely"}
    return {"attribute": {"attribute_type": "Custom", "name": "x", "value": value, "provenance": provenance}}


@pytest.mark.parametrize("value", VALUES)
def test_a_value_of_each_type_is_written_as_it_was_sent_and_read_back(value: Any) -> None:
    specification = given(created()).when("RecordAttribute", recording(value))
    (event,) = specification.events
    raw = write_event(event)
    assert orjson.loads(raw)["data"]["value"] == value
    assert read_event(raw) == event
    person = specification.then(event.data)
    assert load_state(dump_state(person)) == person
    (held,) = person.attributes.values()
    assert not isinstance(held.value, dict)


def test_every_type_has_a_sample() -> None:
    assert {value["type"] for value in VALUES} == VALUE_TYPES


def test_the_reference_names_every_type() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/values.md").read_text()
    assert set(re.findall(r"^  \| `(\w+)` \|", page, re.MULTILINE)) - {"type"} == VALUE_TYPES


@pytest.mark.parametrize(
    ("value", "field", "rule"),
    [
        ("left-handed", "", "model_attributes_type"),
        ({"value": 1}, "", "union_tag_not_found"),
        ({"type": "Colour", "value": "red"}, "", "union_tag_invalid"),
        ({"type": "Text"}, ".value", "missing"),
        ({"type": "Text", "value": 1}, ".value", "string_type"),
        ({"type": "Number", "value": "1"}, ".value", "int_type"),
        ({"type": "Integer", "value": 1.5}, ".value", "int_type"),
        ({"type": "Integer", "value": 2**63}, ".value", "integer"),
        ({"type": "Bool", "value": 1}, ".value", "bool_type"),
        ({"type": "Date", "value": "1815"}, ".value", "date"),
        ({"type": "Year", "value": 0}, ".value", "year"),
        ({"type": "Year", "value": 10_000}, ".value", "year"),
        ({"type": "ApproximateDate", "value": "1815-12-01"}, ".precision", "missing"),
        ({"type": "ApproximateDate", "value": "1815-12-01", "precision": "Week"}, ".precision", "literal_error"),
        ({"type": "Length", "value": -1}, ".value", "not_negative"),
        ({"type": "Mass", "value": -0.5}, ".value", "not_negative"),
        ({"type": "PersonRef", "value": "Ada"}, ".value", "string_pattern_mismatch"),
        ({"type": "LocationRef", "value": "ada@example.org"}, ".value", "foreign_id"),
        ({"type": "List", "value": [{"type": "Year"}]}, ".value", "missing"),
        ({"type": "List", "value": [{"type": "Bool", "value": True}] * 101}, ".value", "list_length"),
        ({"type": "Json", "value": None}, ".value", "missing"),
        ({"type": "Text", "value": "x", "unit": "m"}, ".unit", "extra_forbidden"),
        ({"type": "Text", "value": "x" * 70_000}, "", "data_size"),
    ],
)
def test_a_value_outside_its_rule_is_an_invalid_command(value: Any, field: Any, rule: Any) -> None:
    with pytest.raises(Refused) as refused:
        command("RecordAttribute", recording(value))
    assert refused.value.code == "invalid_command"
    assert refused.value.facts == {"field": f"data.attribute.value{field}", "rule": rule}


@pytest.mark.parametrize(
    "stored", [{"type": "Colour", "value": "red"}, {"type": "Year"}, "red", 7, [1], {"type": "List", "value": [7]}]
)
def test_a_stored_value_that_nobody_knows_stays_as_it_was(stored: Any) -> None:
    data = orjson.loads(write_event(recorded(healthy(TextValue(type="Text", value="x")), 2)))
    data["data"]["value"] = stored
    event = read_event(orjson.dumps(data))
    assert isinstance(event.data, AttributeRecorded)
    assert event.data.value == stored
    person = person_after(created(), event.data)
    assert load_state(dump_state(person)) == person


def test_a_stored_value_is_not_checked_again() -> None:
    data = orjson.loads(write_event(recorded(healthy(TextValue(type="Text", value="x")), 2)))
    data["data"]["value"] = {"type": "List", "value": [{"type": "Mass", "value": -1, "unit": "kg"}]}
    event = read_event(orjson.dumps(data))
    assert isinstance(event.data, AttributeRecorded)
    assert isinstance(event.data.value, ListValue)


def healthy(value: Any) -> AttributeRecorded:
    return AttributeRecorded(
        attribute_id=uuid("attribute"),
        attribute_type="Healthcare",
        name="blood group",
        value=value,
        provenance=AttributeProvenance(source="DocumentVerified", confidence="Certain", recorded_by="user:u-1"),
    )


def test_health_is_protected_apart_from_identity() -> None:
    assert group_of("Healthcare") == "health"
    assert {group_of(kind) for kind in ("Identifying", "Physical", "Demographic", "Custom")} == {"identity"}
    gone = healthy(Redacted(**{"$redacted": "health"}))
    person = person_after(created(), gone)
    assert person.attributes[gone.attribute_id].value == gone.value
    assert load_state(dump_state(person)) == person
