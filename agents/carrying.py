"""What a worker carries, trims and follows, as its role and its partitions allow: routes, processed commands, and outcomes of the
generation that serves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from agents.follow_outcomes import FollowedOutcomes
from agents.serving import Role
from bridge.running import RunningRoutes
from bridge.trimming import Trimming


class Carrying:
    """Everything that one worker carries; what is arranged anew ends first. `trimming` and `followed` make what is to be started."""

    def __init__(
        self,
        role: Role,
        routes: RunningRoutes,
        *,
        trimming: Callable[[], Trimming],
        followed: Callable[[], FollowedOutcomes],
    ) -> None:
        self.trimming: Trimming | None = None
        """What trims now; None for a worker that does not own partition 0."""
        self._role = role
        self._routes = routes
        self._make_trimming = trimming
        self._make_followed = followed
        self._followed: FollowedOutcomes | None = None
        self._arranging = asyncio.Lock()

    async def arrange(self, partitions: frozenset[int]) -> None:
        """Carry, trim and follow what the role asks for and the owned partitions allow."""
        async with self._arranging:
            await self._follow_nobody()
            await self._routes.carry(self._role.carries, partitions)
            if 0 in partitions:
                self.trimming = self._make_trimming()
                self.trimming.start()
            if not self._role.answers:
                self._followed = self._make_followed()
                self._followed.start(partitions)

    async def pause(self) -> None:
        """Carry nothing until it is arranged anew."""
        async with self._arranging:
            await self._follow_nobody()
            await self._routes.disown()

    async def stop(self) -> None:
        """Carry nothing any more, without waiting for what is being arranged."""
        await self._follow_nobody()
        await self._routes.stop()

    async def _follow_nobody(self) -> None:
        trimming, self.trimming = self.trimming, None
        followed, self._followed = self._followed, None
        for one in (trimming, followed):
            if one is not None:
                await one.stop()
