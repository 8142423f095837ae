"""list_quarantine: who is parked for which agent, in all partitions."""

from __future__ import annotations

from queries.endpoint import Ask, Endpoint, Read
from queries.frame import Answer
from queries.quarantine import ListQuarantine, parked_persons


async def list_quarantine(ask: Ask, query: ListQuarantine) -> Answer:
    """The rows of all partitions."""
    found = await ask.each(PARKED, query)
    return Answer([row for one in found for row in one.data], [one.position for one in found])


PARKED = Read("parked", ListQuarantine, parked_persons)
ENDPOINT = Endpoint("list_quarantine", ListQuarantine, list_quarantine, (PARKED,))
