"""Agent `sweep_inactivity`: once a day it looks at every person of its partition and reports those of whom nothing was heard for long.

Guarantees: a sweep that is cut off is done again from its start, and one that is done twice reports nothing twice: the id of a report names
person, threshold and period, and the aggregate decides again on what it knows. Sweeps that were missed are one sweep later."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from nats.aio.client import Client

from agents.inactivity_schedule import JOB
from agents.publishing import CONTENT_TYPE, publish
from domain.canonical import encode
from domain.envelope import CONTENT_TYPE as DATA_CONTENT_TYPE
from domain.envelope import SPEC_VERSION
from domain.views.activity import Silence, silence_of
from lanes.agent import Batch, LaneAgent
from tables.persons import PersonsTable

ACTOR: Final = "job:inactivity-sweep"
COMMAND: Final = "person.commands.policy.record_inactivity"

_SLICE_S: Final = 0.002
"""How long the scan holds the loop at a time; lanes and queries go on in between."""
_IN_FLIGHT: Final = 200
"""Reports that wait for their acknowledgement at once."""


class SweepInactivity(LaneAgent):
    """Sweeps the persons of a partition when the timer of the sweep is due there."""

    name = "sweep_inactivity"

    def __init__(self, persons: PersonsTable, nc: Client) -> None:
        self._persons = persons
        self._nc = nc
        self.swept = 0
        self.reported = 0

    async def process(self, batch: Batch) -> None:
        """Nothing to fold."""

    async def committed(self, batch: Batch) -> None:
        """Sweep once, as of the latest of the due timers; returns when every report is stored."""
        due = [record.timestamp_ms for record in batch.records if record.key == JOB]
        if due:
            await self._sweep(batch.partition, datetime.fromtimestamp(max(due) / 1000, UTC))
            self.swept += 1

    async def _sweep(self, partition: int, now: datetime) -> None:
        after: str | None = ""
        while after is not None:
            silences, after = self._scan(partition, after, time.monotonic() + _SLICE_S)
            await self._report([(silence, due) for silence in silences if (due := silence.due(now)) is not None])
            await asyncio.sleep(0)

    def _scan(self, partition: int, after: str, until: float) -> tuple[list[Silence], str | None]:
        """Persons behind an id, as many as the time allows, and the id to go on behind; None at the end of the table."""
        silences: list[Silence] = []
        for state in self._persons.states(partition, after=after):
            silence = silence_of(state)
            if silence is not None:
                silences.append(silence)
            if len(silences) >= _IN_FLIGHT or time.monotonic() > until:
                return silences, state["person_id"]
        return silences, None

    async def _report(self, due: Sequence[tuple[Silence, int]]) -> None:
        headers = {"Content-Type": CONTENT_TYPE}
        await asyncio.gather(*(publish(self._nc, COMMAND, report(silence, days), headers) for silence, days in due))
        self.reported += len(due)


def report(silence: Silence, threshold: int) -> bytes:
    """The command that reports a silence. It has no time: that of its storage counts, whenever the sweep could run at last."""
    command_id = silence.command_id(threshold)
    return encode(
        {
            "specversion": SPEC_VERSION,
            "id": command_id,
            "type": COMMAND,
            "dataversion": 1,
            "source": "/person/inactivity-sweep",
            "subject": silence.person_id,
            "datacontenttype": DATA_CONTENT_TYPE,
            "correlationid": command_id,
            "causationid": command_id,
            "causationdepth": 0,
            "actor": ACTOR,
            "data": {"threshold": threshold},
        }
    )
