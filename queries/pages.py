"""HTTP pages of a worker: /livez, /readyz, /status with its live page, and /metrics, answered from memory."""

from __future__ import annotations

import faust
import orjson
from aiohttp.web import Response as AnyResponse
from faust.web import Request, Response, View

from queries.metrics import CONTENT_TYPE, WorkerMetrics
from queries.status.document import StatusDocument
from queries.status.feed import StatusFeed
from queries.status.health import Health
from queries.status.page import HEADERS, PAGE


def add_pages(app: faust.App, health: Health, status: StatusDocument, feed: StatusFeed, metrics: WorkerMetrics) -> None:
    """Add the pages to the worker's web server."""

    @app.page("/livez")
    async def livez(view: View, _request: Request) -> Response:
        return view.json({"ok": True})

    @app.page("/readyz")
    async def readyz(view: View, _request: Request) -> Response:
        report = health.report()
        return view.json(report, status=200 if report["ready"] else 503)

    @app.page("/status")
    async def status_page(_view: View, request: Request) -> Response:
        if "text/html" in request.headers.get("Accept", ""):
            return AnyResponse(text=PAGE, content_type="text/html", headers=HEADERS)
        return AnyResponse(
            body=orjson.dumps(status.told()), content_type="application/json", headers={"Vary": "Accept"}
        )

    @app.page("/status/events")
    async def status_events(_view: View, request: Request) -> Response:
        return await feed.serve(request)

    @app.page("/metrics")
    async def metrics_page(view: View, _request: Request) -> Response:
        return view.bytes(metrics.text(), headers={"Content-Type": CONTENT_TYPE})
