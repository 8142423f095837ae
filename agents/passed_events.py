"""Events that a partition has folded while its generation stood by, as its lane gets them: they are given to it once more, when it acts.

There are none after a switch that went as it should. There are when somebody appended behind the place up to which the generation before had
caused all effects: another writer, or a worker that was paused at that moment."""

from __future__ import annotations

from collections.abc import Sequence

from nats.aio.client import Client

from bridge import headers, read
from bridge.routes import IngressRoute
from domain.partitions import partition_of
from lanes.record import Record


async def passed(
    nc: Client, route: IngressRoute, partition: int, partitions: int, *, after: int, up_to: int
) -> Sequence[Record]:
    """The messages of a partition behind `after` and up to `up_to`, both stream sequences, in order. Raises errors of the server."""
    found: dict[int, Record] = {}
    token = route.key.token if route.key is not None else None
    assert token is not None, "routes to folds name the token of the person"
    stream = route.source.stream
    for pattern in route.filters(partition, partitions):
        async for message in read.messages(nc, stream, pattern, after=after):
            if message.stream_sequence > up_to:
                break
            person_id = message.subject.split(".")[token]
            if partition_of(person_id, partitions) != partition:
                continue
            carried = {
                headers.STREAM: stream.encode(),
                headers.SUBJECT: message.subject.encode(),
                headers.SEQUENCE: b"%d" % message.stream_sequence,
                headers.STORED: b"%d" % int(message.stored_at.timestamp() * 1e9),
            }
            stored_ms = int(message.stored_at.timestamp() * 1000)
            found[message.stream_sequence] = Record(-1, person_id.encode(), message.data, carried, stored_ms)
    return [found[sequence] for sequence in sorted(found)]
