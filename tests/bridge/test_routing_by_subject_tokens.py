"""A route that reads the destination from the stored subject needs no payload."""

from __future__ import annotations

import pytest

from bridge.ingress import Destination
from bridge.jetstream import Delivery
from bridge.routing import by_subject_tokens


def test_partition_and_key_are_tokens_of_the_subject() -> None:
    route = by_subject_tokens(partition=4, key=5)

    assert route(_stored("person.events.profile.created.7.ada")) == Destination(7, b"ada")


@pytest.mark.parametrize("subject", ["person.events.profile", "person.events.profile.created.ada.7"])
def test_a_subject_of_another_form_is_a_defect_of_the_wiring(subject: str) -> None:
    with pytest.raises((IndexError, ValueError)):
        by_subject_tokens(partition=4, key=5)(_stored(subject))


def _stored(subject: str) -> Delivery:
    return Delivery(subject, b"not read", {}, 1, 1, 0, "")
