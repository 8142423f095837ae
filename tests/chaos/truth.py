"""What JetStream tells, folded by itself: the state of every person, its rows, and the events of every command."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

from nats.aio.client import Client

from config.streams import EVENTS
from domain.events import read_event
from ops.verification import Folded, Verification, fold
from tests.chaos.logs import StreamReader


class Recorded(NamedTuple):
    """An event of a command as it is stored."""

    event_id: str
    type: str
    sequence: int
    stream_sequence: int


@dataclass
class Truth:
    """Grows with each read. `faults_found` tells what is wrong within the stream itself."""

    folded: dict[str, Folded] = field(default_factory=dict)
    by_command: defaultdict[str, list[Recorded]] = field(default_factory=lambda: defaultdict(list))
    stored: dict[str, tuple[str, int, bytes]] = field(default_factory=dict)
    """Person, sequence and bytes of each event, by id."""
    faults_found: Verification = field(default_factory=Verification)
    _reader: StreamReader = field(default_factory=lambda: StreamReader(EVENTS))

    async def read(self, nc: Client) -> set[str]:
        """Fold what was stored since the last read; returns the persons that it is about."""
        touched = set()
        for message in await self._reader.read(nc):
            event = read_event(message.data, subject=message.subject)
            fold([(message.subject, message.sequence, event)], self.folded, self.faults_found)
            self.by_command[event.causationid].append(Recorded(event.id, event.type, event.sequence, message.sequence))
            self.stored.setdefault(event.id, (event.person_id, event.sequence, message.data))
            touched.add(event.person_id)
        return touched
