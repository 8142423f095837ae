"""Which events a replay is about, as the server can filter them and as each message is looked at."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from bridge.jetstream import Delivery
from domain.event_catalogue import EVENTS
from domain.subjects import ALL_EVENTS, EVENT_SUBJECTS, partition_filter, person_filter


@dataclass(frozen=True)
class Selection:
    """Events of one person or all, of some types or all, by stream sequence or by the time of their storage; both ends are included.

    With `tokens`, only those whose stored subjects name one of these partitions.
    """

    person_id: str | None = None
    types: tuple[str, ...] = ()
    first_sequence: int = 1
    last_sequence: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    tokens: tuple[int, ...] = ()

    @property
    def filters(self) -> list[str]:
        """Subject filters of the stream."""
        if self.tokens and self.person_id is None:
            return [partition_filter(one) for one in self.tokens]
        if not self.types:
            return [ALL_EVENTS if self.person_id is None else person_filter(self.person_id)]
        specs = [EVENTS[one] for one in self.types]
        return [f"{EVENT_SUBJECTS}.{one.context}.{one.name}.*.{self.person_id or '*'}" for one in specs]

    def is_over(self, delivery: Delivery) -> bool:
        """Whether a message, and so everything behind it, lies behind the range."""
        if self.last_sequence is not None and delivery.stream_sequence > self.last_sequence:
            return True
        return self.until is not None and delivery.stored_ns > nanoseconds(self.until)

    def has_begun(self, delivery: Delivery) -> bool:
        """Whether a message does not lie before the range."""
        if delivery.stream_sequence < self.first_sequence:
            return False
        return self.since is None or delivery.stored_ns >= nanoseconds(self.since)

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {name: value for name, value in asdict(self).items() if value not in (None, ())}

    @property
    def digest(self) -> str:
        """The same for the same selection, so that a checkpoint is not used for another one."""
        return hashlib.sha256(orjson.dumps(self.told(), option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def nanoseconds(moment: datetime) -> int:
    """Since the epoch; a time without a zone is UTC."""
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return int(aware.timestamp() * 1_000_000) * 1000
