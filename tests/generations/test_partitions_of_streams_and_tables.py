"""Tables may have another number of partitions than the subjects of the streams: whoever reads for a partition finds all its persons, in one order."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import BridgeError
from bridge.routes import IngressRoute
from config.generations import routes_of_generation, tokens_of
from config.settings import Settings
from config.topics import EVENTS, OWN_TOPICS, declared_by
from domain.partitions import partition_of
from ops.installation import routes_of

counts = st.integers(1, 40)


def events_route(settings: Settings) -> IngressRoute:
    [route] = [one for one in routes_of(settings) if isinstance(one, IngressRoute) and one.name == "events"]
    return route


def tokens(filters: Sequence[str]) -> set[int]:
    return {int(one.split(".")[4]) for one in filters}


@given(st.uuids(), counts, counts)
def test_the_consumer_of_a_partition_reads_the_token_of_each_of_its_persons(
    person: object, stored: int, partitions: int
) -> None:
    settings = Settings(generation="next", partitions=partitions, stream_partitions=stored)
    partition = partition_of(str(person), partitions)
    token = partition_of(str(person), stored)

    assert token in tokens(events_route(settings).filters(partition, partitions))
    assert token in tokens_of(partition, partitions, stored)


def test_one_consumer_reads_one_token_where_the_numbers_allow_it() -> None:
    more = events_route(Settings(generation="next", partitions=8, stream_partitions=4))
    fewer = events_route(Settings(generation="next", partitions=2, stream_partitions=4))

    assert more.filters(6, 8) == ["person.events.*.*.2.*"]
    assert fewer.filters(1, 2) == ["person.events.*.*.1.*", "person.events.*.*.3.*"]


def test_the_names_of_the_first_generation_are_the_plain_ones() -> None:
    settings = Settings()

    assert settings.app_id == settings.installation == "person"
    assert {one.target.topic for one in routes_of(settings) if isinstance(one, IngressRoute)} == set(OWN_TOPICS)
    assert events_route(settings).consumer(3) == "ingress-events-3"


def test_everything_of_another_generation_has_its_name() -> None:
    settings = Settings(app_id="people", generation="green", partitions=4)

    assert (settings.app_id, settings.installation) == ("people-green", "people")
    assert all(one.name.endswith(".green") or one.name.startswith("people-green-") for one in declared_by(settings))
    assert events_route(settings).target.topic == f"{EVENTS}.green"
    assert events_route(settings).consumer(3) == "ingress-events-3-green"


def test_a_route_of_a_user_that_has_a_consumer_for_each_partition_cannot_be_partitioned_anew() -> None:
    route = IngressRoute.model_validate(
        {
            "name": "orders",
            "direction": "ingress",
            "source": {"stream": "ORDERS", "filter": "orders.{partition}"},
            "target": {"topic": "orders"},
            "partition": {"from": "token", "token": 1},
        }
    )

    assert routes_of_generation([route], "green", 4, 4) == [route]
    with pytest.raises(BridgeError, match='route "orders"'):
        routes_of_generation([route], "green", 8, 4)
