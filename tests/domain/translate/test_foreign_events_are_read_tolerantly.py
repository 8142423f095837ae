"""Envelopes of neighbours are read as far as this domain needs them; what is wrong is named, and nothing makes the reader fail otherwise."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.envelope import correlation_fault
from domain.foreign import MAX_FOREIGN_BYTES, ForeignEvent, read_foreign_event
from domain.ids import NS, derive, is_uuid
from domain.process_commands import read_process_command
from domain.translate.catalogue import INBOUND, ForPersons, routing_key, translated
from domain.translate.commands import command_of, signal_command
from domain.translate.outbound import NEIGHBOURS
from domain.translate.rule import KnownPerson
from domain.translate.signals import SIGNALS, Signal
from domain.undecodable import Undecodable
from tests.domain.translate.reading import ADA, BOB, EVENT_ID, STORED, command, event, message, wishes

LINKED = {"identity_id": "i-1", "person_id": ADA}
SAGA = "0190c8a2-7b1e-7c3d-9a4f-00000000000a"


def read(raw: bytes, subject: str = "identity.events.linked") -> ForeignEvent:
    return read_foreign_event(raw, subject=subject, stored_at=STORED)


def test_a_root_is_its_own_correlation_and_its_time_is_optional() -> None:
    found = event("identity.linked", LINKED)

    assert (found.id, found.correlationid, found.depth, found.day) == (EVENT_ID, EVENT_ID, 0, STORED.date())


def test_an_answer_keeps_the_correlation_and_stands_one_behind_its_cause() -> None:
    members = {
        "correlationid": SAGA.upper(),
        "causationid": BOB,
        "causationdepth": 2,
        "time": "2025-03-30T23:59:59Z",
        "traceparent": f"00-{'a' * 32}-{'b' * 16}-01",
    }
    found = event("identity.linked", LINKED, id=EVENT_ID.upper(), **members)
    [wish] = wishes("identity.linked", LINKED)
    sent = command(found, wish)

    assert (found.day.isoformat(), found.id) == ("2025-03-30", EVENT_ID)
    assert (sent.correlationid, sent.causationid, sent.causationdepth) == (SAGA, EVENT_ID, 3)
    assert (sent.actor, sent.source, sent.now) == ("adapter:identity", "/person/adapter/identity", STORED)
    assert sent.traceparent == members["traceparent"]
    assert sent.id == derive(EVENT_ID, "person/link_identity/0")
    assert correlation_fault(sent.id, sent.correlationid, sent.causationid, sent.causationdepth) is None


def test_another_person_than_the_named_one_has_a_command_of_its_own() -> None:
    found = event("identity.linked", LINKED)
    [wish] = wishes("identity.linked", LINKED)

    ids = {
        command_of(found, wish, person, is_named=named).id
        for person, named in ((ADA, True), (ADA, False), (BOB, False))
    }

    assert derive(EVENT_ID, f"person/link_identity/{BOB}") in ids
    assert len(ids) == 3


def test_a_signal_is_a_command_that_the_edge_takes() -> None:
    found = event("git.person_released", {"saga_id": SAGA, "person_id": ADA})
    signal = translated(found)
    assert isinstance(signal, Signal)
    sent = signal_command(found, signal)
    taken = read_process_command(sent.body, subject=sent.type, stored_at=STORED)

    assert (taken.target, taken.person_id, taken.actor) == (SAGA, ADA, "adapter:git")
    assert sent.id == derive(EVENT_ID, "person/signal_saga/0")


@pytest.mark.parametrize(
    ("raw", "cause", "reason"),
    [
        (b"", "undecodable", "$: json"),
        (b"\xff\xfe", "undecodable", "$: json"),
        (b"[" * 5000, "undecodable", "$: json"),
        (b"[1]", "undecodable", "$: object"),
        (b"{}", "undecodable", "type: word"),
        (message("identity", {}), "undecodable", "type: word"),
        (message("identity.Linked", {}), "undecodable", "type: word"),
        (message("git.linked", {}), "subject_mismatch", "type: domain of the subject"),
        (message("identity.linked", {}, id="7"), "undecodable", "id: uuid"),
        (message("identity.linked", {}, id=None), "undecodable", "id: missing"),
        (message("identity.linked", []), "undecodable", "data: object"),
        (message("identity.linked", {}, correlationid="x"), "undecodable", "correlationid: uuid"),
        (message("identity.linked", {}, correlationid=ADA, causationdepth=-1), "undecodable", "causationdepth: range"),
        (
            message("identity.linked", {}, correlationid=ADA, causationid=EVENT_ID),
            "undecodable",
            "correlationid: correlation",
        ),
        (
            message("identity.linked", {"note": "x" * MAX_FOREIGN_BYTES}),
            "undecodable",
            f"message: at most {MAX_FOREIGN_BYTES} bytes",
        ),
    ],
)
def test_what_is_no_event_is_named(raw: bytes, cause: str, reason: str) -> None:
    with pytest.raises(Undecodable) as broken:
        read(raw)

    assert (broken.value.cause, broken.value.reason) == (cause, reason)


def test_messages_are_routed_by_person_then_by_what_they_are_about() -> None:
    def key(event_type: str, data: Any, **members: Any) -> str:
        return routing_key(message(event_type, data, **members), subject=f"{event_type.partition('.')[0]}.events.x")

    assert key("identity.linked", {"identity_id": "i-1", "person_id": ADA.upper()}) == ADA
    assert key("git.person_forgotten", {"person_id": BOB, "saga_person_id": ADA}) == ADA
    about = key("identity.revoked", {"identity_id": "i-1"})
    assert about == key("identity.merged", {"from": "i-1", "to": "i-2"}) == derive(NS, "foreign:identity:i-1")
    assert about != key("agent.unassigned", {"identity_id": "i-1"})
    # The name of an account is personal data, and a key is not.
    assert is_uuid(key("git.commit_analyzed", {"username": "ada"}))
    assert key("identity.linked", {"person_id": "nobody"}) == derive(NS, f"foreign:identity:{EVENT_ID}")
    with pytest.raises(Undecodable, match="id: missing"):
        key("identity.linked", "text", id=3)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
MEMBERS = (
    "person_id",
    "saga_id",
    "identity_id",
    "organization_id",
    "location_id",
    "agent_id",
    "username",
    "level",
    "role",
)
MORE = ("languages", "repositories", "from", "to", "usage", "status", "component_id", "end_date", "permissions", "type")
DATA = st.dictionaries(
    st.sampled_from((*MEMBERS, *MORE)), JSON | st.sampled_from([ADA, "i-1", "Email", "Valid"]), max_size=8
)


@given(
    event_type=st.sampled_from(sorted({*INBOUND, *SIGNALS})),
    data=DATA,
    envelope=st.dictionaries(
        st.sampled_from(["id", "correlationid", "causationdepth", "time", "traceparent", "source"]), JSON, max_size=2
    ),
)
def test_whatever_a_neighbour_sends_is_translated_or_named(
    event_type: str, data: dict[str, Any], envelope: dict[str, Any]
) -> None:
    raw = json.dumps({"id": EVENT_ID, "type": event_type, "data": data, **envelope}).encode()
    subject = f"{event_type.partition('.')[0]}.events.x"
    try:
        routing_key(raw, subject=subject)
        found = read(raw, subject)
        becomes = translated(found)
    except Undecodable:
        return
    if isinstance(becomes, ForPersons):
        assert all(wish.rule for wish in becomes.wishes(KnownPerson()))


@given(
    raw=st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()), domain=st.sampled_from(NEIGHBOURS)
)
def test_no_bytes_make_the_reader_fail(raw: bytes, domain: str) -> None:
    for reader in (lambda: read(raw, f"{domain}.events.x"), lambda: routing_key(raw, subject=f"{domain}.events.x")):
        with contextlib.suppress(Undecodable):
            reader()


def test_the_largest_message_of_languages_is_small_enough_for_a_component() -> None:
    languages = [{"name": f"language {number:03d}", "lines": 10**6, "percentage": 0.5} for number in range(200)]
    found = event("git.contributions_calculated", {"person_id": ADA, "username": "ada", "languages": languages})
    becomes = translated(found)
    assert isinstance(becomes, ForPersons)
    update, _ = becomes.wishes(KnownPerson(git_profiles={"git:GitHub/ada": BOB}))

    assert len(orjson.dumps(update.data)) < 32 << 10
    assert command(found, update)
