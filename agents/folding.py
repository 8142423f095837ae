"""The one step by which a stored event enters the row of a person, for the fold and for whoever reads the stream to know more."""

from __future__ import annotations

from collections.abc import Sequence

from agents.reading import Arrival, EventLog, marked
from domain.evolve import apply
from domain.person import Person
from tables.persons import PersonRow
from tables.quarantine import Discarded


def folded(row: PersonRow, arrival: Arrival) -> PersonRow:
    """The row after an event, the same row when the event is in it already.

    Raises Undecodable for bytes that are no event, SequenceGap when events are missing before it, and what a defect of the fold raises.
    """
    if arrival.stream_sequence <= row.stream_sequence:
        return row
    if arrival.discarded is not None:
        person = _passed(row.person, arrival.discarded)
    else:
        person = apply(row.person, arrival.read())
        if person is row.person:
            return row
    return PersonRow(person, arrival.stream_sequence, row.chain.link(arrival.record.value))


async def newest(log: EventLog, row: PersonRow, discarded: Sequence[Discarded]) -> PersonRow:
    """The row with everything that the stream holds now; raises like `folded`."""
    async for arrival in log.arrivals(row.person.person_id, after=row.stream_sequence):
        [one] = marked([arrival], discarded)
        row = folded(row, one)
    return row


def _passed(person: Person, discarded: Discarded) -> Person:
    """The person behind a discarded event. A version that the event claims stays its own, so that no other event takes it."""
    if discarded.version != person.version + 1:
        return person
    return person.model_copy(update={"version": discarded.version})
