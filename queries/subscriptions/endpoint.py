"""subscribe: begin a live subscription, renew it, or go on with one from a position (domain.md 17.5)."""

from __future__ import annotations

from pydantic import Field

from queries.endpoint import Ask, Endpoint
from queries.filters import Filters
from queries.frame import Answer, Position, Query
from queries.person_id import PersonId
from queries.subscriptions.messages import Followed
from queries.subscriptions.reads import CHANGES, MATCHING, POSITION


class Subscribe(Query):
    """subscribe: follow the rows of a model that match a filter; repeated with its id, it renews the subscription."""

    projection: Followed
    filter: Filters = Filters()
    from_: Position | tuple[Position, ...] | None = Field(None, alias="from")
    subscription_id: PersonId | None = None

    @property
    def positions(self) -> dict[int, int] | None:
        """Stream sequence by partition of `from`, None when a snapshot is wanted."""
        if self.from_ is None:
            return None
        given = (self.from_,) if isinstance(self.from_, Position) else self.from_
        return {one.partition: one.stream_sequence for one in given}


async def subscribe(ask: Ask, query: Subscribe) -> Answer:
    """The id and subject of the subscription, and where it stands."""
    return await ask.live.subscribe(ask, query)


ENDPOINT = Endpoint("subscribe", Subscribe, subscribe, (POSITION, MATCHING, CHANGES))
