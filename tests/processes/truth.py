"""What a run has left in JetStream, folded here and nowhere else: sagas, persons, and what the neighbours did and were asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from nats.aio.client import Client

from config.streams import NEIGHBOURS, OUTBOUND, SAGAS, neighbour_stream
from domain.person import Person
from domain.sagas.evolve import evolve
from domain.sagas.saga_events import SagaEvent, read_saga_event
from domain.sagas.state import Saga
from local.neighbours.links import Links
from local.neighbours.messages import NeighbourCommand, read_command, read_event
from tests.chaos.logs import StreamReader
from tests.chaos.truth import Truth


@dataclass
class Processes:
    """Grows with each read. `faults_found` tells what is wrong within the streams themselves."""

    sagas: dict[str, Saga] = field(default_factory=dict)
    history: defaultdict[str, list[SagaEvent]] = field(default_factory=lambda: defaultdict(list))
    asked: defaultdict[str, list[NeighbourCommand]] = field(default_factory=lambda: defaultdict(list))
    """Messages to neighbours as they are stored, by saga."""
    links: Mapping[str, Links] = field(default_factory=lambda: {domain: Links(domain) for domain in NEIGHBOURS})
    faults_found: list[str] = field(default_factory=list)
    _persons: Truth = field(default_factory=Truth)
    _saga_events: StreamReader = field(default_factory=lambda: StreamReader(SAGAS))
    _outbound: StreamReader = field(default_factory=lambda: StreamReader(OUTBOUND))
    _of_neighbours: Mapping[str, StreamReader] = field(
        default_factory=lambda: {domain: StreamReader(neighbour_stream(domain)) for domain in NEIGHBOURS}
    )

    async def read_sagas(self, nc: Client) -> None:
        """Fold what was stored of sagas since the last read."""
        for message in await self._saga_events.read(nc):
            event = read_saga_event(message.data, subject=message.subject)
            saga = self.sagas.get(event.saga_id)
            if event.sequence != (0 if saga is None else saga.version) + 1:
                self.faults_found.append(f"saga {event.saga_id}: sequence {event.sequence} is out of order")
            self.sagas[event.saga_id] = evolve(saga, event)
            self.history[event.saga_id].append(event)

    async def read_all(self, nc: Client) -> None:
        """Fold everything that was stored since the last read."""
        await self.read_sagas(nc)
        await self._persons.read(nc)
        for message in await self._outbound.read(nc):
            command = read_command(message.subject, message.data)
            self.asked[str(command.data.get("saga_id"))].append(command)
        for domain, reader in self._of_neighbours.items():
            for message in await reader.read(nc):
                self.links[domain].apply(read_event(message.data))
        found = self._persons.faults_found
        self.faults_found += found.differences
        if found.duplicated:
            self.faults_found.append(f"{found.duplicated} person events are stored twice")
        found.differences, found.duplicated = [], 0

    def person(self, person_id: str) -> Person:
        """The state of a person; one that nobody knows is new."""
        folded = self._persons.folded.get(person_id)
        return Person.new(person_id) if folded is None else folded.person
