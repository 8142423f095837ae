"""What a partition has folded behind a place is read again as its lane got it, whatever the streams were partitioned by."""

from __future__ import annotations

import asyncio
import uuid

from agents.passed_events import passed
from bridge import headers
from bridge.routes import IngressRoute
from config.settings import Settings
from domain.partitions import partition_of
from ops.client import CommandMessage, PersonClient
from ops.installation import routes_of

PARTITIONS = 3


async def test_each_event_behind_a_place_is_found_in_the_partition_of_its_person(client: PersonClient) -> None:
    settings = Settings(generation="next", partitions=PARTITIONS, stream_partitions=8)
    [route] = [one for one in routes_of(settings) if isinstance(one, IngressRoute) and one.name == "events"]
    name = {"given_names": ["Ada"], "family_names": ["Lovelace"]}
    outcomes = await asyncio.gather(
        *(
            client.send(CommandMessage("person.commands.create", {"name": name, "source": "test"}, str(uuid.uuid4())))
            for _ in range(9)
        )
    )
    places = {one["person_id"]: one["position"]["stream_sequence"] for one in outcomes}
    first, last = min(places.values()), max(places.values())

    found = {
        number: await passed(client.nc, route, number, PARTITIONS, after=first - 1, up_to=last)
        for number in range(PARTITIONS)
    }

    for partition, records in found.items():
        sequences = [headers.source(one.headers)[1] for one in records]
        assert sequences == sorted(sequences)
        assert {partition_of(one.key.decode(), PARTITIONS) for one in records} <= {partition}
    told = {one.key.decode(): headers.source(one.headers)[1] for records in found.values() for one in records}
    assert places.items() <= told.items()
