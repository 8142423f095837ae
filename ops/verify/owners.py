"""Asks the owner of a partition for its rows as they are stored, and to heal; asks again while a partition moves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError

from ops.client import ClientError, QueryFailed
from queries.inspection_subject import inspection_subject

PATIENCE_S = 60.0
"""How long a partition may be without an owner, or behind the wanted position."""
RETRY_S = 0.1
WALKED = 5000

Rows = dict[str, dict[str, bytes | None]]
"""Values by table and key; keys are Latin-1."""


@dataclass(frozen=True)
class Moment:
    """Rows of one moment: how far the partition had applied its stream then, and how far each table tells it was by itself."""

    position: int
    own: Mapping[str, int]
    rows: Rows
    index: Mapping[str, Any] | None


class TooLargeError(Exception):
    """The rows do not fit one message."""


class Owners:
    """The owners of the partitions of an installation."""

    def __init__(self, nc: Client, app_id: str) -> None:
        self.nc = nc
        self._app_id = app_id

    async def rows(self, partition: int, **asked: Any) -> Moment:
        """Rows by `keys` and `prefixes`, see ReadRows; raises TooLargeError, QueryFailed, and ClientError when nobody answers."""
        head, _, body = (await self._ask(partition, {"act": "rows", **asked})).partition(b"\n")
        told = orjson.loads(head)
        rows: Rows = {}
        start = 0
        for table, key, length in told["rows"]:
            value = None
            if length is not None:
                value = body[start : start + length]
                start += length
            rows.setdefault(table, {})[key] = value
        return Moment(told["position"], told["own"], rows, told["index"])

    async def keys(self, partition: int, table: str) -> AsyncIterator[Sequence[tuple[str, str]]]:
        """Keys of a table in their order with the digests of their values, some at a time; not of one moment."""
        after = ""
        while True:
            asked = {"act": "walk", "table": table, "after": after, "limit": WALKED}
            told = orjson.loads(await self._ask(partition, asked))
            rows = [(key, digest) for key, digest in told["rows"]]
            if rows:
                yield rows
                after = rows[-1][0]
            if told["at_end"]:
                return

    async def heal(self, partition: int, act: Mapping[str, Any]) -> dict[str, int]:
        """Let the owner write right rows; raises QueryFailed for its refusal, ClientError without an answer."""
        # The counts of a day are added to: an answer that was lost must not add twice.
        data: dict[str, int] = orjson.loads(await self._ask(partition, act, again=act["act"] != "heal_day"))["data"]
        return data

    async def _ask(self, partition: int, act: Mapping[str, Any], *, again: bool = True) -> bytes:
        deadline = time.monotonic() + PATIENCE_S
        subject = inspection_subject(self._app_id, partition)
        while True:
            try:
                reply = await self.nc.request(subject, orjson.dumps(act), timeout=20)
            except NoRespondersError:
                if time.monotonic() > deadline:
                    raise ClientError(
                        f"no worker owns partition {partition}. Start one with `person worker`."
                    ) from None
            except NatsError as error:
                if not again or time.monotonic() > deadline:
                    raise ClientError(
                        f"the owner of partition {partition} gave no answer ({type(error).__name__}); verify again"
                    ) from error
            else:
                if reply.data.startswith(b'{"ok":true'):
                    return bytes(reply.data)
                error_body = orjson.loads(reply.data)["error"]
                if error_body["code"] == "overloaded":
                    raise TooLargeError
                if error_body["code"] not in ("unavailable", "not_ready") or time.monotonic() > deadline:
                    raise QueryFailed(error_body["code"], error_body["reason"], error_body.get("facts", {}))
            await asyncio.sleep(RETRY_S)
