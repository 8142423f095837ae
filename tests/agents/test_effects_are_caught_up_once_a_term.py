"""What a partition has folded without effects comes to its lane again, once for each term, and nothing that has had its effects does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast
from unittest.mock import MagicMock

import pytest
from nats.aio.client import Client

import agents.catch_up
import wiring.partitions
from agents.catch_up import CatchUp, FoldedTopic
from agents.generations import Register
from agents.live_position import LivePositions
from agents.serving import STANDING_BY, Role, Term
from bridge.routes import IngressRoute
from config.settings import Settings
from lanes.agent import Batch
from lanes.record import Record
from wiring.declared_lanes import OF_PROCESSES_PER_CYCLE

AT_ONCE = 2


class Situation:
    """A partition that is folded up to `applied` and has had effects up to `floor`; records are named by their stream sequences."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, floor: int, applied: int) -> None:
        self.applied = applied
        self.repeated: list[list[int]] = []
        self.role = Role(Client(), "person", "")
        self.role._is_known = True
        self.floor = floor
        monkeypatch.setattr(agents.catch_up, "passed", self._passed)
        live = LivePositions(Client())
        monkeypatch.setattr(live, "floor", self._floor)
        topic = FoldedTopic(cast("IngressRoute", None), lambda _partition: self.applied, live, self._repeat)
        self.catch_up = CatchUp(Client(), self.role, [topic], partitions=1, at_once=AT_ONCE)

    def begin(self, term: int) -> None:
        """The generation begins to act."""
        self.role._held = self.role._held._replace(register=Register(term=term))
        self.role._term = STANDING_BY if term == 0 else Term(term, 0, 0)

    async def _floor(self, _partition: int) -> int:
        return self.floor

    async def _passed(
        self, _nc: Client, _route: IngressRoute, _partition: int, _partitions: int, *, after: int, up_to: int
    ) -> Sequence[Record]:
        return [Record(one, b"", b"", {}, 0) for one in range(after + 1, up_to + 1)]

    async def _repeat(self, partition: int, records: Sequence[Record], prepare: Callable[[Batch], Any]) -> Batch:
        self.repeated.append([one.offset for one in records])
        return Batch(partition, records, {})


async def test_what_was_folded_before_the_term_comes_again_in_bounded_cycles_and_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    situation = Situation(monkeypatch, floor=2, applied=7)
    situation.begin(1)
    situation.catch_up.take_over(0)
    situation.begin(2)

    await situation.catch_up.catch_up(0)
    await situation.catch_up.catch_up(0)

    assert situation.repeated == [[3, 4], [5, 6], [7]]


async def test_what_comes_in_a_term_in_which_the_partition_was_taken_over_has_its_effects_as_it_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    situation = Situation(monkeypatch, floor=2, applied=4)
    situation.begin(2)
    situation.catch_up.take_over(0)
    situation.applied = 9

    await situation.catch_up.catch_up(0)

    assert situation.repeated == [[3, 4]]


async def test_a_partition_that_comes_back_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    situation = Situation(monkeypatch, floor=2, applied=3)
    situation.begin(2)
    situation.catch_up.take_over(0)
    await situation.catch_up.catch_up(0)
    situation.applied = 4
    situation.floor = 3

    situation.catch_up.take_over(0)
    await situation.catch_up.catch_up(0)

    assert situation.repeated == [[3], [4]]


async def test_nothing_comes_again_where_nothing_was_passed_over_or_nothing_is_owned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    situation = Situation(monkeypatch, floor=5, applied=5)
    situation.begin(2)
    await situation.catch_up.catch_up(0)
    situation.catch_up.take_over(0)
    await situation.catch_up.catch_up(0)

    assert situation.repeated == []


def test_a_cycle_that_catches_up_takes_no_more_than_one_of_processes() -> None:
    base = MagicMock()
    base.settings = Settings(lane_max_batch=8000)
    nobody: Any = MagicMock()

    assert wiring.partitions.catch_up(base, nobody, nobody, nobody)._at_once == OF_PROCESSES_PER_CYCLE
