"""Laws of upcasting (domain.md L13), for data of any shape: old writers knew no models."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.event_catalogue import EVENTS
from domain.events import read_event
from domain.evolve import evolve
from domain.person import Person
from domain.upcasting.documents import upcast_document
from domain.upcasting.form import Form
from domain.upcasting.upcast import STEPS, WAYS, current_types, upcast
from tests.domain.old_events import ROWS, stored
from tests.domain.specification import ADA, GRACE, created, person_after, uuid

MARKS = st.sampled_from([{"$redacted": group} for group in ("identity", "contact", "profile")])
TEXTS = st.sampled_from(
    ["", " ", "Ada", "Ada Lovelace", "毛泽东", "2020-01-02", "2020-01-02T03:04:05Z", GRACE, "Email"]
)
JSON = st.recursive(
    MARKS | TEXTS | st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
FIELDS = sorted({name for _, _, data, _ in ROWS for name in data} | {"first_name", "is_primary", "timestamp"})
DATA = st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=5)
KEYS = st.sampled_from(sorted(WAYS))
ROW = st.sampled_from([row for row in ROWS if row[3]])
PLAIN = frozenset(
    [
        "component_id",
        "component_type",
        "source",
        "consent_type",
        "granted",
        "version",
        "merged_into_id",
        "merge_reason",
        "timestamp",
    ]
)
"""Fields of old events that are no personal data."""


@st.composite
def hidden(draw: st.DrawFn) -> dict[str, Any]:
    """An old event as the table has it, any of whose personal fields reads as redacted."""
    event_type, version, data, _ = draw(ROW)
    data = {
        name: draw(MARKS) if name not in PLAIN and not name.endswith("_at") and draw(st.booleans()) else value
        for name, value in data.items()
    }
    return stored(event_type, data, version, time="2020-01-02T03:04:05Z")


@settings(max_examples=400)
@given(KEYS, DATA)
def test_every_way_takes_any_data_and_ends_at_current_versions(key: tuple[str, int], data: dict[str, Any]) -> None:
    before = orjson.dumps(data)
    parts = upcast(Form(*key, data, uuid("event"), ADA))
    assert orjson.dumps(data) == before
    assert parts == upcast(Form(*key, data, uuid("event"), ADA))
    for part in parts:
        assert part.version == EVENTS[part.type].version
        assert part.type in current_types(*key)
        assert part.person_id == ADA
    assert len({part.id for part in parts}) == len(parts)


@settings(max_examples=200)
@given(st.sampled_from(sorted(WAYS.keys() - {key for key in STEPS if WAYS[key] is STEPS[key]})), DATA)
def test_the_direct_way_gives_what_the_chain_gives(key: tuple[str, int], data: dict[str, Any]) -> None:
    form = Form(*key, data, uuid("event"), ADA)
    assert upcast(form, WAYS) == upcast(form, STEPS)


def test_the_events_with_two_ways_are_those_of_the_specification() -> None:
    assert [key for key in sorted(WAYS) if WAYS[key] is not STEPS[key]] == [
        ("person.component_registered", 1),
        ("person.created", 1),
    ]


@settings(max_examples=200)
@given(st.sampled_from(sorted(EVENTS)), DATA)
def test_a_current_event_is_its_own_upcast(event_type: str, data: dict[str, Any]) -> None:
    form = Form(event_type, EVENTS[event_type].version, data, uuid("event"), ADA, "2020-01-02T03:04:05Z")
    assert upcast(form) == (form,)
    document = stored(event_type, data, form.version, time=form.time)
    assert upcast_document(document).parts == (document,)


@settings(max_examples=200)
@given(hidden())
def test_the_upcast_of_an_upcast_is_itself(document: dict[str, Any]) -> None:
    for part in upcast_document(document).parts:
        assert upcast_document(part).parts == (part,)


@settings(max_examples=400)
@given(hidden())
def test_a_redacted_field_stops_no_old_event(document: dict[str, Any]) -> None:
    event = read_event(orjson.dumps(document))
    assert event.parts
    assert isinstance(evolve(person_after(created()), event), Person)
