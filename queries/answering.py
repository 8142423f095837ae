"""Whether this worker's generation answers the clients: two generations hand the clients over so that somebody answers all the time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from nats.aio.client import Client

from agents.serving import Role
from queries.authorisation.principal_subject import NAMED_QUERIES, QUERIES, standby_queries
from queries.generation_reports import ask_owners
from queries.service import QueryService

HANDED_OVER_WITHIN_S = 5.0
LOOK_INTERVAL_S = 0.02


class Answering:
    """Offers the queries of one worker to the clients, or beside them while its generation stands by."""

    def __init__(self, nc: Client, role: Role, queries: QueryService) -> None:
        self._nc = nc
        self._role = role
        self._queries = queries
        self._answered = False

    def subjects(self) -> Sequence[str]:
        """How the subjects begin on which this worker is to answer."""
        return (QUERIES, NAMED_QUERIES) if self._role.answers else standby_queries(self._role.generation)

    def answers_clients(self) -> bool:
        """Whether the clients find this worker now."""
        return self._queries.subjects == (QUERIES, NAMED_QUERIES)

    async def hand_over(self) -> None:
        """Answer as the register asks; what it ends has ended when this returns."""
        register, answers = self._role.register, self._role.answers
        if self._answered and not answers:
            # Somebody has to answer all the time; these tables are as good for it.
            await self._until_owners(register.serving, answer=True)
        await self._queries.offer(self.subjects())
        serving = register.generations.get(register.serving)
        await self._queries.follow_nobody(not answers, 0 if serving is None else serving.partitions)
        if answers and not self._answered and register.switches:
            # Who is told an outcome from here asks here for what came of it.
            await self._until_owners(register.switches[-1].came_from, answer=False)
        self._answered = answers

    async def _until_owners(self, name: str, *, answer: bool) -> None:
        """Wait until all owners of a generation answer the clients, or none does; no longer than a moment, since it may have no owners."""
        generation = self._role.register.generations.get(name)
        deadline = time.monotonic() + HANDED_OVER_WITHIN_S
        while generation is not None and time.monotonic() < deadline:
            reports = await ask_owners(self._nc, generation.app_id, generation.partitions)
            answering = sum(one["answers"] for one in reports.values())
            if answering == (generation.partitions if answer else 0):
                return
            await asyncio.sleep(LOOK_INTERVAL_S)
