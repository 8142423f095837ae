"""Who has acted on a dead letter is who was let to ask, and no claim of the question."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from queries.authorisation.principal_subject import named, principal_in
from queries.dead_letters.handling import Occasion
from queries.dead_letters.requests import DiscardDeadLetter
from queries.endpoint import Ask

ASKED = DiscardDeadLetter(letter="17", by="user:ada", why="a test")


def occasion(subject: str) -> Occasion:
    asking = SimpleNamespace(principal=named(principal_in(subject)))
    return Occasion.of_act(cast(Ask, asking), ASKED)


@pytest.mark.parametrize("prefix", ["person.as.operator", "person.standby.green.as.operator"])
def test_a_principal_is_recorded_with_what_it_claimed_beside(prefix: str) -> None:
    act = occasion(f"{prefix}.queries.discard_dead_letter")

    assert (act.by, act.why) == ("user:operator", "a test")
    assert act.recorded({"events": 1}) == {"events": 1, "claimed_by": "user:ada"}


def test_a_claim_that_is_true_is_recorded_once() -> None:
    act = occasion("person.as.ada.queries.discard_dead_letter")

    assert (act.by, act.recorded({})) == ("user:ada", {})


@pytest.mark.parametrize("prefix", ["person", "person.standby.first", "person.as.Nobody", "person.as.anonymous"])
def test_without_a_name_the_claim_is_all_there_is(prefix: str) -> None:
    act = occasion(f"{prefix}.queries.discard_dead_letter")

    assert (act.by, act.recorded({})) == ("user:ada", {})
