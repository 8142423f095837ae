"""Whoever may write to the event stream can store what is no event: a replay counts it apart and goes on."""

from __future__ import annotations

from bridge.jetstream import Delivery
from ops.replay.events import NO_EVENT, Counted

PERSON = "0190c8a2-7b1e-7c3d-9a4f-000000000001"


def test_a_message_under_a_strange_subject_is_counted_apart() -> None:
    counted = Counted()
    subjects = (f"person.events.lifecycle.created.0.{PERSON}", "person.events.lifecycle.created.0.nobody")

    counted.add([Delivery(subject, b"{}", {}, number, 1, 0, "") for number, subject in enumerate(subjects, 1)])

    assert (counted.events, counted.persons) == (2, {PERSON})
    assert counted.types == {"person.created": 1, NO_EVENT: 1}
