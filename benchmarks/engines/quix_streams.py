"""Quix Streams: one stateful application over one topic, its state in RocksDB with a changelog.

Within a checkpoint an update lives in memory; it is in the changelog when the checkpoint is committed."""

from __future__ import annotations

from typing import Any

from quixstreams import Application, State

from benchmarks.engines.meter import Meter
from benchmarks.fold import fold_event
from benchmarks.workload import DUE_HEADER, due_of

METER = Meter()
ROW = "row"


class Folding:
    """Folds each event; in an open-loop run what was folded is done when the checkpoint that holds it is committed."""

    def __init__(self) -> None:
        self._count = 0
        self._dues: list[int] = []

    def fold(self, event: bytes, _key: Any, _timestamp: int, headers: Any, state: State) -> None:
        """One event of one key."""
        METER.begin()
        row = fold_event(state.get(ROW), event)
        if row is not None:
            state.set(ROW, row)
        if not METER.open_loop:
            METER.done(1)
            return
        self._count += 1
        self._dues += [due_of(value) for name, value in headers or () if name == DUE_HEADER]

    def committed(self) -> None:
        """A checkpoint is over."""
        if self._count:
            METER.done(self._count, self._dues)
            self._count, self._dues = 0, []


def main() -> None:
    """Run until the meter ends the process."""
    app = Application(
        broker_address=METER.kafka,
        consumer_group=METER.run_id,
        auto_offset_reset="earliest",
        state_dir=str(METER.folder / "data"),
        auto_create_topics=True,
        loglevel="WARNING",
        **METER.settings["app"],
    )
    folding = Folding()
    topic = app.topic(METER.topic, value_deserializer="bytes", key_deserializer="bytes")
    app.dataframe(topic).apply(folding.fold, stateful=True, metadata=True)
    if METER.open_loop:
        context = app._processing_context
        begin_next = context.init_checkpoint

        def init_checkpoint() -> None:
            # Called when the former checkpoint is committed, or closed because it was empty.
            folding.committed()
            begin_next()

        context.init_checkpoint = init_checkpoint
    app.run()


if __name__ == "__main__":
    main()
