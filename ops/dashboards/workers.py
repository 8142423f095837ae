"""The dashboard of the worker processes: memory, files, disk, event loop, recovery, index, and what disturbs them."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from ops.dashboards.frame import framed
from ops.dashboards.panels import RATE, WIDTH, Query, lines, quantiles, row, rows

CHOSEN = '{instance=~"$instance"}'
JOB = '{job="person-worker", instance=~"$instance"}'


def workers() -> Dashboard:
    """One curve for each of the chosen workers."""
    return framed(
        "person-workers",
        "Person stream: workers",
        "Memory, files, disk, event loop, recovery and index of the chosen workers.",
        [
            row("Process"),
            rows("What runs", "Version of each worker.", Query(f"person_build_info{CHOSEN}"), hidden=("Value", "job")),
            lines(
                "Processor",
                "Processors in use.",
                Query(f"rate(process_cpu_seconds_total{JOB}[{RATE}])", "{{instance}}"),
            ),
            lines(
                "Memory",
                "Resident memory, and the part that all tables use of it.",
                Query(f"process_resident_memory_bytes{JOB}", "{{instance}} resident"),
                Query(f"person_table_memory_bytes{CHOSEN}", "{{instance}} tables"),
                unit="bytes",
            ),
            lines(
                "Event loop",
                "How much later than due the event loop comes back.",
                *quantiles("person_loop_lag_seconds", "instance", CHOSEN),
                unit="s",
            ),
            lines(
                "Files and connections",
                "Share of what may be open.",
                Query(f"process_open_fds{JOB} / process_max_fds{JOB}", "{{instance}}"),
                unit="percentunit",
            ),
            lines(
                "Disk",
                "Free share of the disk under the tables.",
                Query(f"person_disk_free_bytes{CHOSEN} / person_disk_size_bytes{CHOSEN}", "{{instance}}"),
                unit="percentunit",
            ),
            row("Partitions"),
            lines(
                "Owned partitions",
                "They are stacked up to the number of partitions.",
                Query(f"person_owned_partitions{CHOSEN}", "{{instance}}"),
                stacked=True,
            ),
            lines(
                "Disturbances",
                "Rebalances, recoveries, connections to NATS and starts within ten minutes.",
                Query(f"increase(person_rebalances_total{CHOSEN}[10m])", "{{instance}} rebalances"),
                Query(f"increase(person_recoveries_total{CHOSEN}[10m])", "{{instance}} recoveries"),
                Query(f"increase(person_nats_reconnects_total{CHOSEN}[10m])", "{{instance}} connections"),
                Query(f"changes(process_start_time_seconds{JOB}[10m])", "{{instance}} starts"),
            ),
            lines(
                "Starts and kills",
                "Starts on the data folder within an hour, and runs of the last hour that ended without being asked to.",
                Query(f"increase(person_worker_starts_total{CHOSEN}[1h])", "{{instance}} starts"),
                Query(f"person_worker_killed{CHOSEN}", "{{instance}} killed"),
            ),
            lines(
                "Clocks of brokers",
                "Seconds that they are surely ahead of the worker's clock.",
                Query(f"person_clock_ahead_seconds{CHOSEN}", "{{instance}} {{broker}}"),
                unit="s",
            ),
            lines(
                "Recovery",
                "Changelog offsets left to recover, and those that standby replicas are behind.",
                Query(f"person_recovery_rows_to_go{CHOSEN}", "{{instance}} recovery"),
                Query(f"sum by (instance) (person_standby_rows_to_go{CHOSEN})", "{{instance}} standby"),
            ),
            lines(
                "Index",
                "Committed rows that are not indexed yet, and partitions whose index is being built.",
                Query(f"sum by (instance) (person_index_rows_waiting{CHOSEN})", "{{instance}} rows"),
                Query(f"person_index_building{CHOSEN}", "{{instance}} being built"),
            ),
            row("Tables and answers"),
            lines(
                "Rows",
                "Rows of the tables of the chosen workers, as RocksDB estimates them.",
                Query(f"sum by (table) (person_table_rows{CHOSEN})", "{{table}}"),
            ),
            lines(
                "Files",
                "Bytes of the tables on disk.",
                Query(f"sum by (table) (person_table_bytes{CHOSEN})", "{{table}}"),
                unit="bytes",
                stacked=True,
            ),
            lines(
                "Time of answers",
                "By query, the 95th percentile.",
                quantiles("person_query_seconds", "query", CHOSEN)[1],
                unit="s",
            ),
            lines(
                "Subscriptions and denials",
                "Live subscriptions, and questions and pages that were denied, a minute.",
                Query(f"person_live_subscriptions{CHOSEN}", "{{instance}} subscriptions"),
                Query(
                    f"60 * sum by (instance) (rate(person_access_denied_total{CHOSEN}[{RATE}]))", "{{instance}} denied"
                ),
            ),
            lines(
                "Traces",
                "Spans that were handed to the exporter, and those that were lost, a second.",
                Query(f"sum by (instance) (rate(person_trace_spans_total{CHOSEN}[{RATE}]))", "{{instance}} written"),
                Query(
                    f"sum by (instance, reason) (rate(person_trace_spans_dropped_total{CHOSEN}[{RATE}]))",
                    "{{instance}} {{reason}}",
                ),
                unit="ops",
                span=WIDTH,
            ),
        ],
        of_workers=True,
    )
