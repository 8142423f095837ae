"""One record of a source topic as a lane sees it: bytes and coordinates, never decoded here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Record(NamedTuple):
    """A record of a Kafka topic partition. `timestamp_ms` is the record's time, `headers` keep the last value of a name."""

    offset: int
    key: bytes
    value: bytes
    headers: Mapping[str, bytes]
    timestamp_ms: int
