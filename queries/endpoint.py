"""What a question consists of: an endpoint that any worker answers, and the reads that it asks from the owners of partitions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

from queries.frame import Answer, Query
from queries.tables_of_worker import WorkerTables

if TYPE_CHECKING:
    from queries.dead_letters.desk import DeadLetterDesk
    from queries.subscriptions.subscriptions import Subscriptions

Q = TypeVar("Q", bound=Query)


@dataclass(frozen=True)
class Read(Generic[Q]):
    """What the owner of a partition is asked: `of` gets its tables once the wanted position is applied.

    The request travels between workers as JSON, and so does the answer.
    """

    name: str
    request: type[Q]
    of: Callable[[WorkerTables, int, Q], Awaitable[Any]]
    indexed: bool = False
    """Asks the index of the partition; its position counts then, which follows that of the tables."""
    of_sagas: bool = False
    """Reads sagas: positions are those of PERSON_SAGAS, and the index is that of the sagas."""


class Found(NamedTuple):
    """The answer of one partition, and how far it was applied."""

    data: Any
    position: dict[str, Any]


class Gathered(NamedTuple):
    """Answers of several partitions in their order, and the partitions that gave none in time."""

    found: Sequence[Found]
    silent: Sequence[int]


class Ask(Protocol):
    """One question of a client, while it is answered: asks the owners of partitions, all within its time."""

    partitions: int
    window: int | None
    """Messages that the reader of a stream lets wait for its acknowledgement; None when it gives none."""
    traceparent: str | None
    """The trace context of the asker, as the header of its request holds it."""
    principal: str | None
    """Who asks, as the subject of the question says and NATS and the port have let it; None for a question without a name."""
    live: Subscriptions

    @property
    def dead_letters(self) -> DeadLetterDesk:
        """Where operators bring dead letters; raises QueryError on a worker without them."""
        ...

    def partition_of(self, person_id: str) -> int:
        """The partition of a person."""
        ...

    async def one(self, read: Read[Q], partition: int, request: Q) -> Found:
        """What the owner of a partition answers; raises QueryError."""
        ...

    async def each(self, read: Read[Q], request: Q, partitions: Sequence[int] | None = None) -> Sequence[Found]:
        """The answers of several partitions, all when none are named; raises QueryError when one gives none."""
        ...

    async def reachable(self, read: Read[Q], request: Q, partitions: Sequence[int] | None = None) -> Gathered:
        """As `each`, without the partitions that are not served in time; raises QueryError for any other error."""
        ...


@dataclass(frozen=True)
class Endpoint:
    """One question: its request, how any worker answers it, what it asks the owners, and its rows one by one if it streams."""

    name: str
    request: type[Query]
    answer: Callable[[Ask, Any], Awaitable[Answer]]
    reads: tuple[Read[Any], ...] = ()
    rows: Callable[[Ask, Any], AsyncIterator[Any]] | None = None
    """Answers `stream: true`. Takes no more from the owners than is read."""
