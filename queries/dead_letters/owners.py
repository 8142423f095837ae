"""Asks the owner of a partition for an act on dead letters, until it has answered or the time is over."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError

from queries.dead_letters.owner_requests import Act, RedriveRequest, TranslateRequest
from queries.frame import QueryError, refused
from queries.operations_subject import operations_subject

RETRY_S = 0.1
ASK_AGAIN_S = 5.0
"""After so long an owner may have died. What is asked for twice is harmless for some acts; others are asked for once."""


class Owners:
    """The owners of the partitions of one installation."""

    def __init__(self, nc: Client, app_id: str) -> None:
        self._nc = nc
        self._app_id = app_id

    async def act(self, partition: int, act: Act, timeout_s: float) -> dict[str, Any]:
        """What the owner answers; raises QueryError for its refusal, and `timeout` or `unavailable` when it gives none."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        subject, data = operations_subject(self._app_id, partition), act.model_dump_json().encode()
        repeatable = isinstance(act, RedriveRequest | TranslateRequest)
        while True:
            left = max(0.1, deadline - loop.time())
            try:
                reply = await self._nc.request(subject, data, timeout=min(left, ASK_AGAIN_S) if repeatable else left)
            except NoRespondersError:
                if loop.time() > deadline:
                    raise QueryError("unavailable", "no worker owns the partition now", partition=partition) from None
                await asyncio.sleep(RETRY_S)
                continue
            except NatsError:
                if repeatable and loop.time() < deadline:
                    continue
                raise QueryError("timeout", "the act is not done yet, or its answer was lost; ask again") from None
            answer = orjson.loads(reply.data)
            if answer["ok"]:
                found: dict[str, Any] = answer["data"]
                return found
            error = refused(answer["error"])
            if error.code != "unavailable" or loop.time() > deadline:
                raise error
            await asyncio.sleep(RETRY_S)
