"""NATS subjects `person.operations.<app id>.<p>`: the owner of a partition is asked to redrive, to replace or to discard.

Guarantee: an act is done by the lane of the partition between its cycles and answered when its effect is durable; an act without an
answer may be asked for again. A generation that stands by redrives nothing, since what waits would get no effects."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from nats.aio.client import Client
from pydantic import ValidationError

from agents.redrive import NotDoneError, NotParkedError, Redriven, Redriver
from agents.redrive_foreign import ForeignRedriver
from bridge.letter_acts import act_in
from bridge.stored_letters import StoredLetter, letter_at
from config.streams import DEAD_LETTERS
from lanes.failure import stack_of
from queries.dead_letters.owner_requests import (
    REQUESTS,
    DiscardRequest,
    RedriveRequest,
    ReplaceRequest,
    TranslateRequest,
)
from queries.frame import QueryError, answer, refusal
from queries.operations_subject import operations_subject
from queries.owner_answers import OwnerAnswers
from queries.quarantine import described

logger = logging.getLogger(__name__)


class Operations:
    """The acts that this worker takes for the partitions that it owns."""

    def __init__(
        self,
        nc: Client,
        redriver: Redriver,
        foreign: ForeignRedriver,
        *,
        app_id: str,
        agents: frozenset[str],
        acts: Callable[[], bool],
    ) -> None:
        self._nc = nc
        self._redriver = redriver
        self._foreign = foreign
        self._agents = agents
        self._acts = acts
        self._answers = OwnerAnswers(nc, partial(operations_subject, app_id), self._answered)

    async def own(self, partitions: frozenset[int]) -> None:
        """Take acts for partitions."""
        await self._answers.own(partitions)

    async def disown(self, partitions: frozenset[int]) -> None:
        """Take no more; what runs ends with its lane."""
        await self._answers.disown(partitions)

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
            asked = REQUESTS.validate_json(data)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            field = ".".join(str(part) for part in first["loc"]) or "request"
            raise QueryError("invalid_query", f"{field}: {first['msg']}", field=field, rule=first["type"]) from None
        if not isinstance(asked, DiscardRequest) and not self._acts():
            raise QueryError(
                "unavailable",
                "this generation stands by, so what is redriven would have no effects; redrive it in the one that serves "
                "(`person generations status`, PERSON_GENERATION)",
            )
        if isinstance(asked, TranslateRequest):
            return await self._translate(partition, asked)
        if asked.agent not in self._agents:
            raise QueryError("invalid_query", "agent: has no quarantine", field="agent", rule="known")
        return _told(partition, asked.agent, asked.person_id, await self._brought(partition, asked))

    async def _brought(self, partition: int, asked: RedriveRequest | DiscardRequest | ReplaceRequest) -> Redriven:
        if isinstance(asked, RedriveRequest):
            return await self._redriver.redrive(partition, asked.agent, asked.person_id)
        if isinstance(asked, DiscardRequest):
            return await self._redriver.discard(
                partition, asked.agent, asked.person_id, asked.stream_sequence, by=asked.by, why=asked.why
            )
        return await self._redriver.replace(
            partition,
            asked.agent,
            asked.person_id,
            asked.stream_sequence,
            by=asked.by,
            instead=(await self._copy(asked.copy_act)).decode(),
        )

    async def _translate(self, partition: int, asked: TranslateRequest) -> dict[str, Any]:
        letter = await self._stored(asked.letter, "letter")
        copy = None if asked.copy_act is None else await self._copy(asked.copy_act)
        fault = await self._foreign.redrive(partition, letter, copy)
        return {"cause": None, "reason": None} if fault is None else {"cause": fault.cause, "reason": fault.reason}

    async def _copy(self, number: int) -> bytes:
        copy = act_in(await self._stored(number, "copy_act")).copy
        if copy is None:
            raise QueryError("invalid_query", "copy_act: holds no edited copy", field="copy_act", rule="copy")
        return copy

    async def _stored(self, number: int, field: str) -> StoredLetter:
        found = await letter_at(self._nc, DEAD_LETTERS, number)
        if found is None:
            raise QueryError("not_found", f"{DEAD_LETTERS} no longer holds {number}", field=field)
        return found


def _told(partition: int, agent: str, person_id: str, done: Redriven) -> dict[str, Any]:
    parked = None if done.parked is None else described(agent, person_id, partition, done.parked)
    return {"events": done.events, "parked": parked}
