"""The events of a partition that come while it is verified: read once for all its persons, as far as their rows turn out to be."""

from __future__ import annotations

from collections.abc import Sequence

from nats.aio.client import Client

from config.streams import EVENTS
from ops.verify.reading import Stored, stored_messages


class NewerEvents:
    """Holds what the stream got behind a stream sequence, under the filters of a partition; asked person by person it would be a request for each."""

    def __init__(self, nc: Client, filters: Sequence[str], after: int) -> None:
        self._nc = nc
        self._filters = filters
        self._reached = after
        self._by_person: dict[str, list[Stored]] = {}

    async def of(self, person_id: str, up_to: int) -> Sequence[Stored]:
        """Events of a person, all of them up to a stream sequence. Raises BridgeError and errors of the server."""
        if up_to > self._reached:
            found: list[Stored] = []
            async for some in stored_messages(self._nc, EVENTS, self._filters, after=self._reached, last=up_to):
                found += some
            for one in found:
                self._by_person.setdefault(one.subject.rpartition(".")[2], []).append(one)
            self._reached = up_to
        return self._by_person.get(person_id, ())
