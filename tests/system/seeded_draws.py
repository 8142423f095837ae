"""Draws from Hypothesis strategies by a seed, outside of a Hypothesis test: the same seed gives the same documents."""

from __future__ import annotations

import random
from typing import TypeVar

from hypothesis.control import BuildContext
from hypothesis.internal.conjecture.data import ConjectureData
from hypothesis.strategies import SearchStrategy

T = TypeVar("T")


class SeededDraws:
    """One sequence of draws. A Hypothesis test cannot hold a whole run: it bounds what one example draws, and it would repeat the run."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)

    def __call__(self, strategy: SearchStrategy[T]) -> T:
        """The next value of a strategy."""
        data = ConjectureData(random=self.random)
        with BuildContext(data, is_final=False, wrapped_test=_no_test):
            return data.draw(strategy)


def _no_test() -> None:
    """What a build context asks for."""
