"""Lets what was folded while this generation stood by, and was nobody's before, have its effects once the generation acts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from nats.aio.client import Client

from agents.live_position import LivePositions
from agents.passed_events import passed
from agents.redrive import Repeat
from agents.serving import Role
from bridge.routes import IngressRoute


class FoldedTopic(NamedTuple):
    """Records with effects: what feeds them, how far a partition is folded, up to where it has had effects, and how records come again."""

    route: IngressRoute
    applied: Callable[[int], int]
    live: LivePositions
    repeat: Repeat


class TakenOver(NamedTuple):
    """The term in which a partition was taken over, and up to where each topic was folded then."""

    term: int
    applied: Sequence[int]


class CatchUp:
    """Brings back what the owned partitions have passed over, once for each term. `at_once` bounds the records of one cycle."""

    def __init__(
        self,
        nc: Client,
        role: Role,
        folded: Sequence[FoldedTopic],
        *,
        partitions: int,
        at_once: int,
    ) -> None:
        self._nc = nc
        self._role = role
        self._folded = folded
        self._partitions = partitions
        self._at_once = at_once
        self._taken_over: dict[int, TakenOver] = {}
        self._done: dict[int, int] = {}
        """Term for which what was folded before it has had its effects, by partition."""

    def take_over(self, partition: int) -> None:
        """Note how far a partition is folded that this worker owns from now on."""
        folded = [one.applied(partition) for one in self._folded]
        self._taken_over[partition] = TakenOver(self._role.register.term, folded)
        self._done.pop(partition, None)

    async def catch_up(self, partition: int) -> None:
        """Let what a partition has folded without effects have them now.

        Also for a partition that is taken over later: its owner before may have died before it did so. Is cancelled when the
        partition moves meanwhile.
        """
        term = self._role.term.number
        taken = self._taken_over.get(partition)
        if taken is None or self._done.get(partition) == term:
            return
        for one, when_taken in zip(self._folded, taken.applied, strict=True):
            after = await one.live.floor(partition)
            # What came since it was taken over in this term has had its effects as it came.
            up_to = when_taken if taken.term == term else one.applied(partition)
            if up_to <= after:
                continue
            records = await passed(self._nc, one.route, partition, self._partitions, after=after, up_to=up_to)
            for begin in range(0, len(records), self._at_once):
                await one.repeat(partition, records[begin : begin + self._at_once], lambda _batch: None)
        self._done[partition] = term
