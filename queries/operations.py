"""NATS subjects `person.operations.<app id>.<p>`: an operator asks the owner of a partition to redrive or to discard.

Guarantee: an act is done by the lane of the partition between its cycles and answered when its effect is durable; an act without an
answer may be asked for again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Annotated, Any, Literal

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from agents.redrive import NotDoneError, NotParkedError, Redriven, Redriver
from domain.envelope import Actor
from lanes.failure import stack_of
from queries.frame import QueryError, answer, refusal
from queries.operations_subject import operations_subject
from queries.person_id import PersonId
from queries.quarantine import described

logger = logging.getLogger(__name__)


class RedriveRequest(BaseModel):
    """Bring the parked events of a person to an agent again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    act: Literal["redrive"]
    agent: str
    person_id: PersonId


class DiscardRequest(BaseModel):
    """Take one poison event out of the way of an agent, for ever."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    act: Literal["discard"]
    agent: str
    person_id: PersonId
    stream_sequence: int = Field(ge=1)
    by: Actor
    why: str = Field(min_length=1, max_length=500)


Act = Annotated[RedriveRequest | DiscardRequest, Field(discriminator="act")]
_ACTS: TypeAdapter[RedriveRequest | DiscardRequest] = TypeAdapter(Act)


class Operations:
    """The acts that this worker takes for the partitions that it owns."""

    def __init__(self, nc: Client, redriver: Redriver, *, app_id: str, agents: frozenset[str]) -> None:
        self._nc = nc
        self._redriver = redriver
        self._app_id = app_id
        self._agents = agents
        self._owned: dict[int, Subscription] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def own(self, partitions: frozenset[int]) -> None:
        """Take acts for partitions."""
        for partition in partitions - self._owned.keys():
            subject = operations_subject(self._app_id, partition)
            self._owned[partition] = await self._nc.subscribe(subject, cb=self._on_request)

    async def disown(self, partitions: frozenset[int]) -> None:
        """Take no more; what runs ends with its lane."""
        for partition in partitions & self._owned.keys():
            # A connection that is gone has no subscriptions left to end.
            with contextlib.suppress(NatsError):
                await self._owned.pop(partition).unsubscribe()

    async def _on_request(self, message: Msg) -> None:
        async def reply() -> None:
            with contextlib.suppress(NatsError):
                await message.respond(await self._answered(int(message.subject.rsplit(".", 1)[1]), message.data))

        task = asyncio.get_running_loop().create_task(reply())
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _answered(self, partition: int, data: bytes) -> bytes:
        try:
            return answer(await self._act(partition, data), [])
        except QueryError as error:
            return refusal(error)
        except NotParkedError as error:
            return refusal(QueryError("not_found", str(error)))
        except NotDoneError as error:
            return refusal(QueryError("unavailable", str(error)))
        except Exception as error:
            logger.error("an act on a person in quarantine failed: %s", stack_of(error))
            return refusal(QueryError("internal_error", "the act failed; the worker's log says why. Ask again"))

    async def _act(self, partition: int, data: bytes) -> dict[str, Any]:
        try:
            asked = _ACTS.validate_json(data)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            field = ".".join(str(part) for part in first["loc"]) or "request"
            raise QueryError("invalid_query", f"{field}: {first['msg']}", field=field, rule=first["type"]) from None
        if asked.agent not in self._agents:
            raise QueryError("invalid_query", "agent: has no quarantine", field="agent", rule="known")
        if isinstance(asked, RedriveRequest):
            done = await self._redriver.redrive(partition, asked.agent, asked.person_id)
        else:
            done = await self._redriver.discard(
                partition, asked.agent, asked.person_id, asked.stream_sequence, by=asked.by, why=asked.why
            )
        return _told(partition, asked.agent, asked.person_id, done)


def _told(partition: int, agent: str, person_id: str, done: Redriven) -> dict[str, Any]:
    parked = None if done.parked is None else described(agent, person_id, partition, done.parked)
    return {"events": done.events, "parked": parked}
