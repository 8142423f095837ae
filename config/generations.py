"""What belongs to a generation: a second set of topics, changelogs, consumers and rows, built beside the first from the same streams.

The first generation of an installation has no name, and its names are the plain ones; those of any other end with its name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from bridge.errors import BridgeError
from bridge.routes import IngressRoute, Partition, Route
from config.topics import COMMANDS, EVENTS, FOREIGN, OWN_TOPICS, SAGAS, TIMERS, topic_of

FOLDED: Final = (EVENTS, SAGAS)
"""Topics of which every generation holds everything: they are read from the first message on, and nobody decides on them."""

WORKED: Final = (COMMANDS, TIMERS, FOREIGN)
"""Topics of what is done once: only the serving generation carries to them, and the next one goes on where it ended."""


def routes_of_generation(routes: Sequence[Route], generation: str, partitions: int, stored: int) -> list[Route]:
    """The routes as a generation of so many partitions carries them; `stored` is what the subjects of the streams were partitioned by.

    Routes to topics of others stay as they are. Raises BridgeError for one of those whose consumers would have to be others.
    """
    return [_of_generation(route, generation, partitions, stored) for route in routes]


def _of_generation(route: Route, generation: str, partitions: int, stored: int) -> Route:
    if not isinstance(route, IngressRoute):
        return route
    if route.target.topic not in OWN_TOPICS:
        if route.per_partition and partitions != stored:
            raise BridgeError(
                f'route "{route.name}": has one consumer for each of {stored} partitions, this generation has {partitions}; '
                "give it one consumer"
            )
        return route
    source = route.source
    if generation:
        consumer = route.source.consumer or route.name
        source = source.model_copy(update={"consumer": f"{consumer}-{generation}"})
    partition = route.partition
    if route.per_partition and partitions != stored:
        source = source.model_copy(update={"partitions": stored})
        partition = Partition.model_validate({"from": "key"})
    target = route.target.model_copy(update={"topic": topic_of(route.target.topic, generation)})
    return route.model_copy(update={"source": source, "target": target, "partition": partition})


def tokens_of(partition: int, partitions: int, stored: int) -> range:
    """The partitions that may stand in the subjects of the persons of a partition."""
    step = math.gcd(partitions, stored)
    return range(partition % step, stored, step)
