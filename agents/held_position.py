"""A cycle that has no records for it may bring a partition on: up to a place behind which nothing of the partition is missing.

Who asks for such a cycle has found so in the stream; positions, tables and indexes take it as the place of a last record."""

from __future__ import annotations

from lanes.agent import Batch


def hold_up_to(batch: Batch, stream_sequence: int) -> None:
    """Say, before any agent sees a batch, that behind it the partition holds everything up to a stream sequence."""
    batch.once("held up to", lambda: stream_sequence)


def held_up_to(batch: Batch) -> int:
    """Up to where the partition holds everything besides the records of this cycle; 0 when nobody has said so."""
    return batch.once("held up to", int)
