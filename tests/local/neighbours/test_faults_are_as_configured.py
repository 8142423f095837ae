"""Faults are read strictly, and what they do to a command follows from seed, id and delivery alone."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from local.errors import StackError
from local.neighbours.faults import Behaviour, Faults, behaviour_of

IDS = [f"5b5f8a52-7d0a-5d7e-9a43-{number:012d}" for number in range(4000)]


def test_a_verb_is_filled_up_from_its_domain_and_the_domain_from_the_default() -> None:
    behaviour = behaviour_of(
        {
            "seed": 7,
            "default": {"delay_ms": 5, "duplicate": 0.5},
            "identity": {"refuse": 0.1, "unlink_person": {"silence": 1, "refuse": 0}},
        },
        "here",
    )
    assert behaviour.faults("git", "reassign_person") == Faults(delay_ms=5, duplicate=0.5)
    assert behaviour.faults("identity", "link_person") == Faults(delay_ms=5, duplicate=0.5, refuse=0.1)
    assert behaviour.faults("identity", "unlink_person") == Faults(delay_ms=5, duplicate=0.5, silence=1)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"identities": {}}, "here: identities is no table"),
        ({"seed": "x"}, "here: seed must be an integer"),
        ({"git": 3}, "here: git must be a table"),
        ({"git": {"refuse": 2}}, "here: git.refuse: "),
        ({"git": {"forget_person": {"refused": 1}}}, "here: git.forget_person.refused: "),
        ({"default": {"refuse": 0.6, "lose": 0.6}}, "here: default: .*more than 1"),
    ],
)
def test_a_wrong_file_is_refused_with_table_and_field(document: dict[str, Any], words: str) -> None:
    with pytest.raises(StackError, match=words):
        behaviour_of(document, "here")


def test_shares_are_kept_and_plans_repeat() -> None:
    behaviour = Behaviour(1, Faults(refuse=0.1, lose=0.2, stall=0.3, stall_s=9, silence=0.1, duplicate=0.5))
    plans = [behaviour.plan("git", "forget_person", command_id, 1) for command_id in IDS]
    shares = Counter[str](plan.what for plan in plans)
    expected = {"refuse": 0.1, "lose": 0.2, "stall": 0.3, "silence": 0.1, "answer": 0.3}
    assert all(abs(shares[what] / len(IDS) - share) < 0.03 for what, share in expected.items())
    assert abs(sum(plan.twice for plan in plans) / len(IDS) - 0.5) < 0.03
    assert {plan.delay_s for plan in plans if plan.what == "stall"} == {9}
    assert plans == [behaviour.plan("git", "forget_person", command_id, 1) for command_id in IDS]


def test_only_what_was_lost_is_answered_the_second_time() -> None:
    behaviour = Behaviour(1, Faults(refuse=0.2, lose=0.4, silence=0.4))
    for command_id in IDS[:500]:
        first = behaviour.plan("git", "forget_person", command_id, 1).what
        second = behaviour.plan("git", "forget_person", command_id, 2).what
        assert second == ("answer" if first == "lose" else first)


def test_delays_have_the_configured_mean() -> None:
    behaviour = Behaviour(1, Faults(delay_ms=20))
    delays = [behaviour.plan("git", "forget_person", command_id, 1).delay_s for command_id in IDS]
    assert 0.018 < sum(delays) / len(delays) < 0.022
    assert max(delays) <= 0.2
