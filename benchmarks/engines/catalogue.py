"""Which engines are compared, each with its default and its tuned settings; what is published is what runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from benchmarks.workload import FEW_KEYS

Environment = Literal["own", "quix", "confluent", "kafka_streams"]
"""`own` is the environment of this project; the others are made below build/ on first use."""

DURABLE = "each row is in the changelog before it is visible"
LONG = 300_000
EVENTS_OF_MANY_KEYS = 100_000


@dataclass(frozen=True)
class Engine:
    """One engine with one set of settings."""

    name: str
    label: str
    module: str
    settings: dict[str, Any] = field(default_factory=dict)
    environment: Environment = "own"
    faust: bool = False
    log_level: str = "info"
    events: int = 100_000
    """Events of a catch-up run."""
    when_done: str = DURABLE
    """What holds when a catch-up run counts an event."""
    rates: tuple[int, ...] = (300, 1_000, 3_000)
    """Rates of open-loop runs."""
    many_keys: bool = True
    """Whether it also catches up on many keys."""

    def events_of(self, keys: int) -> int:
        """Events of a catch-up run; a warm state matters with few keys alone."""
        return self.events if keys == FEW_KEYS else min(self.events, EVENTS_OF_MANY_KEYS)


ENGINES = (
    Engine(
        "lanes",
        "lanes, one table",
        "benchmarks.engines.lanes_tables",
        {"tables": 1, "max_batch": 1000},
        faust=True,
    ),
    Engine(
        "lanes7",
        "lanes, seven tables",
        "benchmarks.engines.lanes_tables",
        {"tables": 7, "max_batch": 1000},
        faust=True,
    ),
    Engine(
        "aiokafka",
        "plain aiokafka + rocksdict, whole fetches",
        "benchmarks.engines.plain_aiokafka",
        {"at_most": None},
    ),
    Engine(
        "aiokafka_512",
        "plain aiokafka + rocksdict, at most 512 a batch",
        "benchmarks.engines.plain_aiokafka",
        {"at_most": 512},
        rates=(),
        many_keys=False,
    ),
    Engine(
        "faust",
        "stock Faust, default",
        "benchmarks.engines.stock_faust",
        {"app": {}},
        faust=True,
        log_level="warn",
        events=30_000,
        when_done="the row is in RocksDB, its changelog record is under way",
    ),
    Engine(
        "faust_tuned",
        "stock Faust, tuned",
        "benchmarks.engines.stock_faust",
        {
            "app": {
                "cython_optimizations": True,
                "stream_buffer_maxsize": 65_536,
                "producer_linger": 0.002,
                "broker_max_poll_records": 5000,
                "consumer_max_fetch_size": 4 << 20,
            }
        },
        faust=True,
        events=30_000,
        when_done="the row is in RocksDB, its changelog record is under way",
        rates=(1_000, 3_000),
        many_keys=False,
    ),
    Engine(
        "quix",
        "Quix Streams, commit 5 s (default)",
        "benchmarks.engines.quix_streams",
        {"app": {}},
        environment="quix",
        when_done="the row is in the memory of the checkpoint",
        rates=(1_000,),
    ),
    Engine(
        "quix_10ms",
        "Quix Streams, commit 10 ms",
        "benchmarks.engines.quix_streams",
        {"app": {"commit_interval": 0.01, "consumer_poll_timeout": 0.01}},
        environment="quix",
        when_done="the row is in the memory of the checkpoint",
    ),
    Engine(
        "streams",
        "Kafka Streams, default",
        "bench.StoreRows",
        {"caching": True, "streams": {}},
        environment="kafka_streams",
        events=LONG,
        when_done="the row is in the cache of the store",
        rates=(1_000,),
    ),
    Engine(
        "streams_logged",
        "Kafka Streams, every update logged",
        "bench.StoreRows",
        {
            "caching": False,
            "streams": {"statestore.cache.max.bytes": "0", "producer.linger.ms": "0", "commit.interval.ms": "100"},
        },
        environment="kafka_streams",
        events=LONG,
        when_done="the row is in RocksDB, its changelog record is under way",
    ),
    Engine(
        "sqlite",
        "confluent-kafka + SQLite, default",
        "benchmarks.engines.confluent_sqlite",
        {"consumer": {}, "at_most": 500, "wait_s": 0.1},
        environment="confluent",
        when_done="the row is in SQLite; there is no changelog",
        rates=(),
        many_keys=False,
    ),
    Engine(
        "sqlite_tuned",
        "confluent-kafka + SQLite, tuned",
        "benchmarks.engines.confluent_sqlite",
        {
            "consumer": {"fetch.wait.max.ms": 20, "fetch.queue.backoff.ms": 5, "queued.min.messages": 100_000},
            "at_most": 500,
            "wait_s": 0.002,
        },
        environment="confluent",
        when_done="the row is in SQLite; there is no changelog",
        rates=(1_000, 3_000),
    ),
)
