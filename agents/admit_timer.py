"""Routes due timers into Kafka: those of a saga by its person, those of a partition as a whole by the partition that they name."""

from __future__ import annotations

from bridge.errors import UnmappableError
from bridge.ingress import Destination, Router
from bridge.jetstream import Delivery
from domain.ids import is_person_id
from domain.partitions import partition_of

NAME = "admit_timer"
DUE = "person.timers.due"


def timer_router(partitions: int) -> Router:
    """A router for `person.timers.due.<person id>.<saga id>` and `person.timers.due.<job>.<partition>`; the key is the fourth token.

    It raises UnmappableError for any other subject, which makes a dead letter.
    """

    def route(delivery: Delivery) -> Destination:
        tokens = delivery.subject.split(".")
        if len(tokens) != 5:
            raise UnmappableError("unroutable", "subject: the subject of a due timer has 5 tokens")
        owner, what = tokens[3:]
        if is_person_id(owner):
            return Destination(partition_of(owner, partitions), owner.encode())
        if not (what.isascii() and what.isdigit() and int(what) < partitions):
            raise UnmappableError("unroutable", f"subject: names no person and none of the {partitions} partitions")
        return Destination(int(what), owner.encode())

    return route
