"""HTTP pages of a worker: /livez, /readyz, /status and /metrics, answered from memory."""

from __future__ import annotations

from typing import Any

import faust
from faust.web import Request, Response, View
from nats.aio.client import Client

from queries.metrics import CONTENT_TYPE, WorkerMetrics
from queries.tables_of_worker import WorkerTables


def add_pages(app: faust.App, nc: Client, tables: WorkerTables, metrics: WorkerMetrics) -> None:
    """Add the pages to the worker's web server."""

    @app.page("/livez")
    async def livez(view: View, _request: Request) -> Response:
        return view.json({"ok": True})

    @app.page("/readyz")
    async def readyz(view: View, _request: Request) -> Response:
        checks = {
            "assigned": bool(tables.owned()),
            "recovered": app.tables.recovery.completed.is_set() and not app.rebalancing,
            "nats": nc.is_connected,
            "rules": tables.processes is None or tables.processes.rules.is_read,
            "serving": not app.should_stop,
        }
        return view.json({"ready": all(checks.values()), "checks": checks}, status=200 if all(checks.values()) else 503)

    @app.page("/status")
    async def status(view: View, _request: Request) -> Response:
        lanes: list[dict[str, Any]] = [
            {
                "topic": lane.topic,
                "partition": lane.partition,
                "cycles": lane.cycles,
                "records": lane.records_done,
                "backlog": lane.backlog,
                "level": lane.level,
                "busy_seconds": round(lane.busy_seconds, 6),
            }
            for lane in app.lanes.lanes()
        ]
        return view.json(
            {
                "partitions": sorted(tables.owned()),
                "positions": {str(p): s for p, s in sorted(tables.positions.snapshot().items())},
                "lanes": lanes,
                **app.tables.recovery.status(),
            }
        )

    @app.page("/metrics")
    async def metrics_page(view: View, _request: Request) -> Response:
        return view.bytes(metrics.text(), headers={"Content-Type": CONTENT_TYPE})
