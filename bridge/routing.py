"""Routers that need no knowledge of a payload: the destination is read from the tokens of the stored subject."""

from __future__ import annotations

from bridge.ingress import Destination, Router
from bridge.jetstream import Delivery


def by_subject_tokens(*, partition: int, key: int) -> Router:
    """Route by the subject: its token number `partition` (from 0) is the Kafka partition, token `key` the record key."""

    async def route(delivery: Delivery) -> Destination:
        tokens = delivery.subject.split(".")
        return Destination(int(tokens[partition]), tokens[key].encode())

    return route
