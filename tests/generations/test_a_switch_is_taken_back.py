"""A switch that was cut off is finished by naming the next generation again, or taken back by naming the one that serves."""

from __future__ import annotations

import pytest

from agents.generations import Generation, Phase, Register
from ops.generations.errors import GenerationError
from ops.generations.switching import _check

FIRST = Generation(name="", app_id="x", partitions=4, declared_at="2026-01-01", declared_by="user:x")
NAMES = {"": FIRST, **{name: FIRST.model_copy(update={"name": name}) for name in ("green", "blue")}}


@pytest.mark.parametrize("phase", ["settling", "draining", "stopped", "starting"])
def test_a_switch_under_way_goes_on_or_back_and_nowhere_else(phase: Phase) -> None:
    register = Register(generations=NAMES, phase=phase, following="green")

    _check(register, "green")
    _check(register, "")
    with pytest.raises(GenerationError, match="a switch to green is under way"):
        _check(register, "blue")


def test_who_is_being_started_again_is_started_before_another_switch() -> None:
    register = Register(generations=NAMES, phase="starting", following="")

    _check(register, "")
    with pytest.raises(GenerationError, match="switch first"):
        _check(register, "green")


@pytest.mark.parametrize("following", ["", "green"])
def test_only_who_follows_acts_while_it_is_started(following: str) -> None:
    register = Register(generations=NAMES, phase="starting", following=following)

    assert [name for name in NAMES if register.acts(name)] == [following]
