"""The names of headers that the bridge writes and understands, and those that never pass."""

from __future__ import annotations

import base64
import fnmatch
import functools
import re
from collections.abc import Callable

from bridge.routes import HeaderPolicy

ORIGIN = "bridge-origin"
"""Installations that have carried the message, comma separated."""
HOPS = "bridge-hops"
"""How often it was carried."""

NATS_RESERVED = "nats-"
"""The server executes or writes headers that begin so; they pass in neither direction."""
KAFKA_RESERVED = "kafka-"
"""Egress writes headers that begin so; they do not pass ingress."""

TOPIC = "Kafka-Topic"
PARTITION = "Kafka-Partition"
OFFSET = "Kafka-Offset"
TIMESTAMP = "Kafka-Timestamp"
"""Time of the record in milliseconds since the epoch."""
KEY = "Kafka-Key"
"""The key in base64 where the subject does not hold it."""
TOMBSTONE = "Kafka-Tombstone"
"""`true` on a message whose record has no value."""
RAW = "Kafka-Raw-"
"""Followed by a number: a header that NATS cannot hold, `base64(name)` or `base64(name).base64(value)`."""

_LEGAL_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_LEGAL_VALUE = re.compile(r"(?:[!-~\x80-\U0010ffff](?:[ -~\x80-\U0010ffff]*[!-~\x80-\U0010ffff])?)?")


def passes(policy: HeaderPolicy) -> Callable[[str], bool]:
    """Whether a user header passes, by its name in lower case; reserved names never do."""
    allow, deny = policy.allow, policy.deny

    @functools.lru_cache(maxsize=1024)
    def check(name: str) -> bool:
        if name.startswith((NATS_RESERVED, KAFKA_RESERVED)) or name in (ORIGIN, HOPS):
            return False
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in allow):
            return False
        return not any(fnmatch.fnmatchcase(name, pattern) for pattern in deny)

    return check


def nats_text(name: str, value: bytes | None) -> str | None:
    """A Kafka header's value as NATS can hold it, or None: no UTF-8, a line break, a space at an end, an illegal name, no value."""
    if value is None or not _LEGAL_NAME.fullmatch(name):
        return None
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if _LEGAL_VALUE.fullmatch(text) else None


def pack(name: str, value: bytes | None) -> str:
    """A header that NATS cannot hold, in the form of `Kafka-Raw-<n>`."""
    packed = base64.b64encode(name.encode()).decode()
    return packed if value is None else f"{packed}.{base64.b64encode(value).decode()}"


def unpack(packed: str) -> tuple[str, bytes | None]:
    """Name and value of a packed header; raises ValueError for any other text."""
    name, dot, value = packed.partition(".")
    return base64.b64decode(name, validate=True).decode(), base64.b64decode(value, validate=True) if dot else None


def loops(origin: str, hops: str, *, installation: str, guard: str, max_hops: int) -> bool:
    """Whether a message must not be carried again: this installation carried it before, or it went round too often."""
    if guard == "off":
        return False
    if guard == "origin" and installation in origin.split(","):
        return True
    return _count(hops) >= max_hops


def next_origin(origin: str, hops: str, installation: str) -> tuple[str, str]:
    """Origin and hop count behind one more carrying."""
    origins = [one for one in origin.split(",") if one]
    if installation not in origins:
        origins.append(installation)
    return ",".join(origins), str(_count(hops) + 1)


def _count(hops: str) -> int:
    return int(hops) if hops.isascii() and hops.isdigit() and len(hops) < 10 else 0
