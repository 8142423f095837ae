"""What the generation that serves keeps for the whole installation: the schedule of the sweep, and the shipped policies."""

from __future__ import annotations

from nats.aio.client import Client

from agents.inactivity_schedule import drop_schedules, keep_schedule
from agents.serving import Role
from agents.shipped_policies import register_shipped, shipped_documents


class ServingDuties:
    """Keeps them once for each term. `inactivity_sweep` is when the sweep runs, empty for never."""

    def __init__(
        self, nc: Client, role: Role, *, partitions: int, inactivity_sweep: str, registers_shipped: bool
    ) -> None:
        self._nc = nc
        self._role = role
        self._partitions = partitions
        self._inactivity_sweep = inactivity_sweep
        self._registers_shipped = registers_shipped
        self._kept_term = 0

    async def keep(self) -> None:
        """Store what the register's term asks for. Raises errors of the server; it is stored again then."""
        register = self._role.register
        if register.term == self._kept_term:
            return
        await keep_schedule(self._nc, self._inactivity_sweep, self._partitions)
        most = max((one.partitions for one in register.generations.values()), default=0)
        await drop_schedules(self._nc, range(self._partitions, most))
        if self._registers_shipped:
            await register_shipped(self._nc, shipped_documents())
        self._kept_term = register.term
