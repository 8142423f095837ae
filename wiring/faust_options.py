"""What the settings mean to Faust, to its consumer, and to the lanes beneath."""

from __future__ import annotations

from typing import Any

from config.settings import Settings
from lanes.credentials import faust_credentials
from lanes.fenced_producer import FencedProducer
from lanes.producer import DurableProducer
from lanes.recovery import RecoverySettings
from lanes.runtime import LaneSettings


def faust_options(settings: Settings, page_guard: Any) -> dict[str, Any]:
    """Everything that a `LaneApp` is made with, its name excepted. `page_guard` is a middleware of aiohttp."""
    return {
        "broker": ";".join(f"kafka://{address}" for address in settings.kafka_bootstrap.split(",")),
        "broker_credentials": faust_credentials(settings.kafka),
        "store": "rocksdb://",
        "datadir": str(settings.data_dir),
        "topic_partitions": settings.partitions,
        "topic_replication_factor": settings.replicas,
        "topic_disable_leader": True,
        "table_standby_replicas": settings.standby_replicas,
        "consumer_auto_offset_reset": "earliest",
        # A broker that was cut off from its peers goes on answering; only newer metadata tells that its partitions have moved.
        "consumer_metadata_max_age_ms": 10_000,
        "consumer_max_fetch_size": 4 << 20,
        "broker_session_timeout": settings.session_timeout_s,
        "broker_heartbeat_interval": settings.session_timeout_s / 4,
        "broker_rebalance_timeout": 15.0,
        "broker_request_timeout": 20.0,
        "broker_commit_interval": settings.commit_interval_s,
        "broker_commit_every": 10**9,
        "broker_max_poll_records": 5000,
        "producer_request_timeout": 30.0,
        "web_host": settings.http_host,
        "web_port": settings.http_port,
        "web_bind": settings.http_host,
        "web_ssl_context": settings.pages.context(),
        "web_application_options": {"middlewares": [page_guard]},
        "web_tables_enabled": False,
        "web_router_enabled": False,
        "lane_settings": LaneSettings(
            fetch_max_wait_ms=settings.fetch_max_wait_ms,
            fetch_min_bytes=settings.fetch_min_bytes,
            max_backlog=settings.lane_max_backlog,
            max_backlog_bytes=settings.lane_max_backlog_bytes,
        ),
        "recovery_settings": RecoverySettings(standby_share=settings.standby_share),
        **_producers(settings),
    }


def _producers(settings: Settings) -> dict[str, Any]:
    # Two connections: the broker answers one request a connection at a time, and a lane's commit must not wait behind
    # records that are only carried.
    max_batch_bytes = settings.changelog_max_bytes // 8
    return {
        "producer": FencedProducer(
            settings.kafka,
            name=settings.app_id,
            client_id=f"{settings.app_id}-lanes",
            max_batch_bytes=max_batch_bytes,
        ),
        "writer": DurableProducer(
            settings.kafka, client_id=f"{settings.app_id}-ingress", max_batch_bytes=max_batch_bytes
        ),
    }
