"""Headers cross the bridge by the policy of the route: reserved ones never, those that NATS cannot hold packed, looping ones once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client

from bridge.errors import UnmappableError
from bridge.header_mapping import EgressHeaders, IngressHeaders
from bridge.jetstream import Delivery
from bridge.raw_delivery import parse_headers
from bridge.routes import EgressRoute, IngressRoute
from tests.bridge.test_cloudevents_are_mapped_as_the_bindings_say import COORDINATES, EGRESS, INGRESS, to_kafka, to_nats

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@pytest.mark.parametrize(
    "name", ["Nats-Rollup", "NATS-TTL", "nats-expected-stream", "Nats-Batch-Commit", "Nats-Schedule"]
)
def test_reserved_headers_pass_in_neither_direction(name: str) -> None:
    assert to_kafka({name: "x", "a": "1"}) == {"a": b"1"}
    assert to_nats({name: b"x", "a": b"1"}) == {"a": "1"}


@given(st.dictionaries(names, st.binary(max_size=30), max_size=5))
def test_no_header_of_a_record_becomes_a_line_of_its_own(headers: dict[str, bytes]) -> None:
    lowered = {name.lower() for name in headers}

    found = to_nats(headers, cloudevents=False)

    assert not [name for name in found if name.lower().startswith("nats-")]
    assert {name.lower() for name in found} <= lowered


@given(st.dictionaries(names, st.binary(max_size=30), max_size=5))
def test_any_header_comes_back_as_it_was(headers: dict[str, bytes]) -> None:
    wanted = {
        name: value for name, value in headers.items() if not name.lower().startswith(("nats-", "kafka-", "bridge-"))
    }
    if len({name.lower() for name in wanted}) < len(wanted):
        return  # names that differ in case only count as repeated

    lines = _lines(list(wanted.items()))
    back = to_kafka(parse_headers(b"NATS/1.0\r\n" + lines + b"\r\n"), cloudevents=False)

    assert {name.lower(): value for name, value in back.items()} == {
        name.lower(): value for name, value in wanted.items()
    }


@given(
    st.dictionaries(
        st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True),
        st.text(st.characters(exclude_categories=["Cs"], min_codepoint=32), max_size=20),
    )
)
def test_headers_are_read_as_nats_py_reads_them(headers: dict[str, str]) -> None:
    block = "NATS/1.0\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
    theirs = Client._parse_header_lines(block.encode()[10:])

    ours = parse_headers(block.encode())

    assert ours.keys() == theirs.keys()
    # nats-py also strips what Unicode calls a space.
    assert {name: value.strip() for name, value in ours.items()} == {
        name: value.strip() for name, value in theirs.items()
    }


def test_a_status_of_the_server_is_read() -> None:
    assert parse_headers(b"NATS/1.0 409 Message Size Exceeds MaxBytes\r\nNats-Pending: 1\r\n\r\n") == {
        "Status": "409",
        "Description": "Message Size Exceeds MaxBytes",
        "Nats-Pending": "1",
    }
    assert parse_headers(None) == {}


def test_of_repeated_headers_the_last_one_passes() -> None:
    lines = _lines([("a", b"1"), ("A", b"2"), ("b", b"1"), ("b", b"2")])

    assert b"A: 2\r\n" in lines
    assert b"b: 2\r\n" in lines
    assert lines.count(b"\r\n") == 4 + 2  # four coordinates


def test_patterns_allow_and_deny_by_name_in_lower_case() -> None:
    headers = {"X-One": "1", "x-secret": "2", "other": "3"}

    assert to_kafka(headers, allow=["x-*"], deny=["*secret*"]) == {"x-one": b"1"}


def test_a_packed_header_that_is_none_is_refused() -> None:
    with pytest.raises(UnmappableError, match="header kafka-raw-1: no packed header"):
        to_kafka({"Kafka-Raw-1": "!"})


def test_a_packed_header_cannot_smuggle_a_reserved_name() -> None:
    assert to_kafka({"Kafka-Raw-1": "TmF0cy1Sb2xsdXA=.YWxs"}) == {}  # Nats-Rollup: all


@pytest.mark.parametrize(
    ("guard", "origin", "hops", "carried"),
    [
        ("origin", "", "", True),
        ("origin", "test", "1", False),
        ("origin", "other", "1", True),
        ("origin", "other,test", "2", False),
        ("origin", "other", "8", False),
        ("hops", "test", "7", True),
        ("hops", "test", "8", False),
        ("hops", "test", "no number", True),
        ("off", "test", "99", True),
    ],
)
def test_what_this_installation_carried_is_not_carried_back(guard: str, origin: str, hops: str, carried: bool) -> None:
    given = {"bridge-origin": origin, "bridge-hops": hops}
    ingress = IngressHeaders(IngressRoute.model_validate({**INGRESS, "loop_guard": guard}), "test")
    egress = EgressHeaders(EgressRoute.model_validate({**EGRESS, "loop_guard": guard}), 0, "test")

    mapped = ingress(Delivery("s.x", b"", given, 1, 1, 1, ""))
    lines = egress(1, 1, [(name, value.encode()) for name, value in given.items()], tombstone=False, key=None)

    assert (mapped is not None) is carried
    assert (lines is not None) is carried


def test_every_carrying_adds_its_installation_and_counts() -> None:
    ingress = IngressHeaders(IngressRoute.model_validate({**INGRESS, "loop_guard": "origin"}), "test")

    mapped = ingress(Delivery("s.x", b"", {"Bridge-Origin": "other", "Bridge-Hops": "1"}, 1, 1, 1, ""))

    assert {name: value for name, value in mapped or () if name not in COORDINATES} == {
        "bridge-origin": b"other,test",
        "bridge-hops": b"2",
    }


def _lines(headers: Sequence[tuple[str, Any]]) -> bytes:
    lines = EgressHeaders(EgressRoute.model_validate({**EGRESS, "headers": {"cloudevents": False}}), 0, "test")(
        1, 1, headers, tombstone=False, key=None
    )
    assert lines is not None
    return lines
