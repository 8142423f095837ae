"""Routes events of neighbours into Kafka by the person that they name, else by what they are about.

Guarantee: events about the same person, and events that name no person and are about the same, keep their order."""

from __future__ import annotations

from bridge.errors import UnmappableError
from bridge.ingress import Destination, Router
from bridge.jetstream import Delivery
from domain.partitions import partition_of
from domain.translate.catalogue import routing_key
from domain.undecodable import Undecodable

NAME = "admit_foreign"


def foreign_router(partitions: int) -> Router:
    """A router for the streams of neighbours; it raises UnmappableError for what is no event, which makes a dead letter."""

    def route(delivery: Delivery) -> Destination:
        try:
            key = routing_key(delivery.data, subject=delivery.subject)
        except Undecodable as error:
            raise UnmappableError(error.cause, error.reason) from None
        return Destination(partition_of(key, partitions), key.encode())

    return route
