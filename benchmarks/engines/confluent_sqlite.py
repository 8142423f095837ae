"""What is often written by hand: confluent-kafka and SQLite, one transaction a batch. No changelog, no migration of state."""

from __future__ import annotations

import sqlite3

from confluent_kafka import Consumer, TopicPartition

from benchmarks.engines.meter import Meter
from benchmarks.fold import fold_batch
from benchmarks.workload import DUE_HEADER, due_of

METER = Meter()


def main() -> None:
    """Read, fold and commit until the meter ends the process."""
    folder = METER.folder / "data"
    folder.mkdir(parents=True)
    database = sqlite3.connect(folder / "rows.sqlite", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=NORMAL")
    database.execute("CREATE TABLE rows (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID")
    database.execute("CREATE TABLE offsets (partition INTEGER PRIMARY KEY, position INTEGER)")
    consumer = Consumer(
        {
            "bootstrap.servers": METER.kafka,
            "group.id": METER.run_id,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            **METER.settings["consumer"],
        }
    )
    consumer.subscribe([METER.topic])

    def stored(key: bytes) -> bytes | None:
        found = database.execute("SELECT value FROM rows WHERE key = ?", (key,)).fetchone()
        return None if found is None else found[0]

    while True:
        messages = consumer.consume(METER.settings["at_most"], METER.settings["wait_s"])
        if not messages:
            continue
        METER.begin()
        database.execute("BEGIN")
        rows = fold_batch(((message.key(), message.value()) for message in messages), stored)
        database.executemany("REPLACE INTO rows VALUES (?, ?)", rows)
        positions = {message.partition(): message.offset() + 1 for message in messages}
        database.executemany("REPLACE INTO offsets VALUES (?, ?)", positions.items())
        database.execute("COMMIT")
        consumer.commit(
            offsets=[TopicPartition(METER.topic, partition, position) for partition, position in positions.items()],
            asynchronous=True,
        )
        dues = (
            [due_of(value) for message in messages for name, value in message.headers() or () if name == DUE_HEADER]
            if METER.open_loop
            else []
        )
        METER.done(len(messages), dues)


if __name__ == "__main__":
    main()
