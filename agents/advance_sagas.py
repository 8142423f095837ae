"""Agent advance_sagas: live events of persons to sagas, which they start or lead on.

Guarantee: a saga is given every event that it may wait for, after the event is folded and durable, in the order of its person; the place
in the log moves behind it only once the saga events are stored. Other types cost one look into a set. Replays, imported and migrated
events start nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from agents.fold_persons import FoldPersons
from agents.live_position import LivePositions
from agents.quarantine import effects_above
from agents.reading import Arrival, decoded
from agents.saga_counts import SagaCounts
from agents.saga_log import SagaLog, Stimulus
from domain.origin import tells_of_the_past
from domain.sagas.engine import awaited_types
from domain.sagas.inputs import PersonEventInput
from lanes.agent import Batch, LaneAgent
from tables.persons import PersonsTable


class AdvanceSagas(LaneAgent):
    """Hands events to the sagas of their person."""

    name = "advance_sagas"

    def __init__(self, log: SagaLog, persons: PersonsTable, live: LivePositions, counts: SagaCounts) -> None:
        self._log = log
        self._persons = persons
        self._live = live
        self._counts = counts
        self._types = awaited_types()

    async def process(self, batch: Batch) -> None:
        """Nothing: sagas react to what is durable."""

    async def committed(self, batch: Batch) -> None:
        """Let the sagas take the events of the cycle."""
        concerned = self._concerned(decoded(batch).by_person)
        if not concerned:
            return
        floor = await self._live.floor(batch.partition)
        reacted_at = datetime.now(UTC)
        stimuli = []
        for person_id, arrivals in concerned.items():
            folded = self._persons.read(batch.partition, person_id).stream_sequence
            # Parked events come behind the live position, when they are redriven.
            unheard = effects_above(batch, FoldPersons.name, person_id)
            behind = floor if unheard is None else unheard
            for arrival in arrivals:
                event = arrival.event
                # What is not folded is parked and comes again.
                if event is not None and behind < arrival.stream_sequence <= folded:
                    stimuli.append(
                        Stimulus(
                            PersonEventInput.of(event, reacted_at=reacted_at),
                            self.name,
                            arrival.record,
                            person_id,
                            starts=not tells_of_the_past(event),
                        )
                    )
        await self._log.react(batch.partition, stimuli)
        self._counts.inputs["event"] += len(stimuli)

    def _concerned(self, by_person: Mapping[str, list[Arrival]]) -> dict[str, list[Arrival]]:
        types = self._types
        concerned: dict[str, list[Arrival]] = {}
        for person_id, arrivals in by_person.items():
            for arrival in arrivals:
                if arrival.event is not None and arrival.event.type in types:
                    concerned.setdefault(person_id, []).append(arrival)
        return concerned
