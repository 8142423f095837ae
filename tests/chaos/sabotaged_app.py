"""The application with a guarantee taken away, for the proof that the harness finds what is lost then. Only this process is changed.

`CHAOS_SABOTAGE` says which ones, comma separated:

- `commit_order`: as in stock Faust, a cycle writes its rows into the local store and lets its source offset be committed while the
  changelog records are still on their way (here a second and a half, as with a lingering producer or a slow broker);
- `egress_position`: the position of an egress route is stored at intervals (here a second) and nobody checks it, as in bridges
  that commit offsets apart from the records;
- `fence`: each owner of a partition counts epochs for itself, so that brokers take what an earlier owner still writes."""

from __future__ import annotations

import asyncio
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aiokafka.client import AIOKafkaClient
from rocksdict import WriteBatch

import lanes.epoch
import lanes.fenced_producer
import lanes.lane
from bridge.batch import Outgoing
from bridge.checkpoint import Checkpoint
from lanes.commit import group_commit
from lanes.epoch import ProducerEpoch
from lanes.producer import OutgoingBatch
from lanes.table import LaneTable, TableView

ON_ITS_WAY_S = 1.5
POSITION_EVERY_S = 1.0


def _commit_order() -> None:
    under_way: set[asyncio.Task[None]] = set()
    in_order: defaultdict[tuple[str, int], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def commit_early(
        producer: Any, partition: int, views: Iterable[TableView], *, source: OutgoingBatch | None = None
    ) -> list[int]:
        dirty = [view for view in views if view.staged]
        written = await group_commit(producer, partition, [], source=source)
        for view in dirty:
            batch = WriteBatch(raw_mode=True)
            for key, value in view.staged.items():
                if value is None:
                    batch.delete(key)
                else:
                    batch.put(key, value)
            view.table.database(partition).write(batch)
            late: Any = _Late(view)
            loop = asyncio.get_running_loop()
            task = loop.create_task(send_later(producer, partition, late, loop.time() + ON_ITS_WAY_S))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        return written

    async def send_later(producer: Any, partition: int, view: Any, due: float) -> None:
        async with in_order[view.table.name, partition]:
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
            await group_commit(producer, partition, [view])

    setattr(lanes.lane, "group_commit", commit_early)  # noqa: B010 - the name is imported there, not exported


class _Late:
    """Rows that are in the local store already; only their changelog records are written."""

    def __init__(self, view: TableView) -> None:
        self.staged: Mapping[bytes, bytes | None] = view.staged
        self.table = _ChangelogOnly(view.table)


class _ChangelogOnly:
    def __init__(self, table: LaneTable) -> None:
        self.name = table.name
        self.changelog_topic = table.changelog_topic

    def commit(self, _partition: int, _rows: Mapping[bytes, bytes | None], _offset: int) -> None:
        """The local store has the rows."""


def _egress_position() -> None:
    genuine = Checkpoint.message
    stored: dict[str, tuple[float, int]] = {}

    def message(self: Checkpoint, offset: int, epoch: int, owner: str, *, expected: int) -> Outgoing:
        now = time.monotonic()
        at, told = stored.get(self.subject, (0.0, offset))
        if now - at > POSITION_EVERY_S:
            stored[self.subject] = now, offset
            told = offset
        sent = genuine(self, told, epoch, owner, expected=expected)
        _, _, unchecked = sent.headers.partition(b"\r\n")
        return sent._replace(headers=unchecked)

    setattr(Checkpoint, "message", message)  # noqa: B010 - a method is replaced


def _fence() -> None:
    genuine = lanes.epoch.next_epoch

    async def unfenced(client: AIOKafkaClient, transactional_id: str) -> ProducerEpoch:
        return await genuine(client, f"{transactional_id}-{os.getpid()}")

    setattr(lanes.fenced_producer, "next_epoch", unfenced)  # noqa: B010 - the name is imported there, not exported


SABOTAGES: Mapping[str, Callable[[], None]] = {
    "commit_order": _commit_order,
    "egress_position": _egress_position,
    "fence": _fence,
}

for name in os.environ["CHAOS_SABOTAGE"].split(","):
    SABOTAGES[name]()

from app import app  # noqa: E402 - the application must be built on what was changed

__all__ = ["app"]
