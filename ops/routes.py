"""`person routes`: the routes of the bridge with their lag, and what the workers say about them."""

from __future__ import annotations

from typing import Any

from aiokafka.errors import KafkaError
from nats.errors import Error as NatsError

from bridge.connection import connected
from bridge.errors import BridgeError
from bridge.lag import lags
from bridge.reports import ROUTES, gather
from bridge.routes import EgressRoute, Route
from bridge.running import check_routes
from config.settings import Settings
from ops.installation import routes_of

WORKERS_ANSWER_S = 0.5


async def listed(settings: Settings) -> list[dict[str, Any]]:
    """One entry per route: name, direction, source, target, lag, rate per second, counters, who carries what, last error.

    Raises RouteFileError for a wrong file and BridgeError when a server does not answer.
    """
    routes = routes_of(settings)
    async with connected(settings.nats, name="person routes") as nc:
        try:
            behind = await lags(nc, settings.kafka, routes, settings.partitions)
            answers = await gather(nc, settings.app_id, ROUTES, wait_s=WORKERS_ANSWER_S)
        except (KafkaError, NatsError, OSError) as error:
            raise BridgeError(f"the routes could not be asked for ({type(error).__name__}): {error}") from error
    return [_entry(route, behind[route.name], answers) for route in routes]


async def checked(settings: Settings) -> list[str]:
    """What is wrong with the routes: rules of the file, or streams and topics that cannot carry; empty when nothing is."""
    routes = routes_of(settings)
    async with connected(settings.nats, name="person routes") as nc:
        return await check_routes(nc, settings.kafka, routes)


def table(entries: list[dict[str, Any]]) -> list[str]:
    """The list as lines of text."""
    lines = [f"{'route':<20} {'direction':<9} {'lag':>10} {'msg/s':>9}  from -> to"]
    for entry in entries:
        lines.append(
            f"{entry['name']:<20} {entry['direction']:<9} {entry['lag']:>10} {entry['rate']:>9.1f}  "
            f"{entry['source']} -> {entry['target']}"
        )
        lines += [f"  {owner['worker']}: {', '.join(owner['carries'])}" for owner in entry["owners"]]
        if entry["waits_for_stream"]:
            lines.append("  waits until its stream exists")
        elif not entry["owners"]:
            lines.append("  no worker carries it now")
        if entry["last_error"]:
            lines.append(f"  last error: {entry['last_error']}")
    return lines


def _entry(route: Route, behind: int, answers: list[dict[str, Any]]) -> dict[str, Any]:
    reports = [
        (answer["worker"], report) for answer in answers for report in answer["routes"] if report["name"] == route.name
    ]
    return {
        "name": route.name,
        "direction": route.direction,
        "source": _source(route),
        "target": _target(route),
        "lag": behind,
        "rate": round(sum(report["rate"] for _, report in reports), 1),
        **{
            counter: sum(report.get(counter, 0) for _, report in reports)
            for counter in ("carried", "rejected", "looped", "deleted", "paused", "held")
        },
        "owners": [{"worker": worker, "carries": report["carries"]} for worker, report in reports if report["carries"]],
        "waits_for_stream": any(report.get("waits_for_stream") for _, report in reports),
        "last_error": next((report["last_error"] for _, report in reports if report["last_error"]), None),
    }


def _source(route: Route) -> str:
    if isinstance(route, EgressRoute):
        return route.source.topic
    return f"{route.source.stream} {route.source.filter or '>'}"


def _target(route: Route) -> str:
    return f"{route.target.stream} {route.target.subject}" if isinstance(route, EgressRoute) else route.target.topic
