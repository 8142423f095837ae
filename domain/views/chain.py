"""The hash chain of a person: tamper evidence over the stored bytes of its events (domain.md 16.9).

Every link is SHA-256 over the link before and the bytes of one event, so equal neighbours differ. The bytes are those that are stored:
a chain can still be checked when personal data in them can no longer be read.
"""

from collections.abc import Iterable
from hashlib import sha256
from typing import NamedTuple


class Chain(NamedTuple):
    """How many events are in it, and its last link (32 bytes)."""

    length: int
    head: bytes

    @classmethod
    def of(cls, person_id: str) -> "Chain":
        """The chain before the first event."""
        return cls(0, sha256(person_id.encode()).digest())

    def link(self, stored: bytes) -> "Chain":
        """The chain behind one more event."""
        return Chain(self.length + 1, sha256(self.head + stored).digest())


def heads(person_id: str, events: Iterable[bytes]) -> Iterable[Chain]:
    """The chain behind each event; whoever has noted one of them can tell whether the events before it have changed."""
    chain = Chain.of(person_id)
    for stored in events:
        chain = chain.link(stored)
        yield chain
