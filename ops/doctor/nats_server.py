"""The servers of NATS: version, JetStream, limits, clock, syncing, and what the user of this connection may do."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from nats.aio.client import Client
from nats.errors import Error as NatsError

from bridge.dead_letters import HEADROOM
from bridge.errors import BridgeError
from bridge.jetstream import api
from bridge.routes import Route
from config import streams
from config.settings import Settings
from lanes.clock_reading import ClockReading
from ops.doctor.clocks import clock_finding
from ops.doctor.finding import Finding, good
from ops.doctor.machine import room_finding
from ops.doctor.permissions import permission_findings
from ops.doctor.profile import Profile, sync_finding
from ops.permissions.nats_roles import OPERATOR, roles
from ops.permissions.role import Role

MIN_VERSION = (2, 14)
MIN_API_LEVEL = 4
"""JetStream API level of nats-server 2.14, the first that resets consumers."""
MONITOR_ANSWERS_S = 3.0


async def server_findings(
    nc: Client, settings: Settings, routes: Sequence[Route], profile: Profile, monitors: Sequence[str]
) -> AsyncIterator[Finding]:
    """What the connected server tells; raises the client's error when JetStream does not answer."""
    yield version_finding(settings.nats_url, str(nc.connected_server_version).split()[-1].strip("v>"))
    info = await api(nc, "INFO")
    yield level_finding(int(info.get("api", {}).get("level", 0)))
    for finding in room_findings(info):
        yield finding
    yield payload_finding(nc.max_payload, settings.command_max_bytes)
    for monitor in monitors:
        for finding in await _monitored(monitor, profile):
            yield finding
    if not monitors:
        yield sync_finding("NATS sync", None, "", profile)
    yield await _clock(nc)
    async for finding in _permissions(nc, role_of(settings, routes)):
        yield finding


def version_finding(url: str, version: str) -> Finding:
    """Whether the server is new enough."""
    numbers = tuple(int(part) for part in version.split("-")[0].split(".")[:2] if part.isdigit())
    if numbers < MIN_VERSION:
        return Finding(
            "NATS",
            "error",
            f"{url}, server {version}",
            "ingress resets consumers and sagas schedule messages, which older servers cannot",
            f"upgrade nats-server to {'.'.join(map(str, MIN_VERSION))} or newer",
        )
    return good("NATS", f"{url}, server {version}")


def level_finding(level: int) -> Finding:
    """Whether JetStream speaks what is needed."""
    if level < MIN_API_LEVEL:
        return Finding(
            "JetStream",
            "error",
            f"API level {level}",
            "ingress resets consumers, which needs nats-server 2.14 or newer",
            "upgrade nats-server; in a cluster all of them",
        )
    return good("JetStream", f"API level {level}")


def room_findings(account: Mapping[str, Any]) -> Iterable[Finding]:
    """What is left of the account's storage, from the answer of `$JS.API.INFO`; nothing without a limit."""
    limit = int((account.get("limits") or {}).get("max_storage", -1))
    if limit > 0:
        yield room_finding("JetStream storage", limit - int(account.get("storage", 0)), limit)


def payload_finding(max_payload: int, command_max_bytes: int) -> Finding:
    """Whether a command that is too large can still be answered."""
    found = f"max_payload is {max_payload} bytes"
    if max_payload <= command_max_bytes + HEADROOM:
        return Finding(
            "NATS max_payload",
            "error",
            found,
            f"a command above PERSON_COMMAND_MAX_BYTES ({command_max_bytes}) cuts its sender's connection instead of being refused",
            "raise max_payload in the configuration of nats-server, 8MB for the default limits",
        )
    if max_payload < 2 * command_max_bytes:
        return Finding(
            "NATS max_payload", "warning", found, "answers to large commands may not fit", "raise max_payload to 8MB"
        )
    return good("NATS max_payload", found)


def monitored_sync(varz: Mapping[str, Any]) -> tuple[bool | None, str]:
    """Whether a server syncs always, and how often it does otherwise, from its page /varz."""
    config = (varz.get("jetstream") or {}).get("config")
    if config is None:
        return None, ""
    return bool(config.get("sync_always", False)), f"{int(config.get('sync_interval', 0)) / 1e9:g} s"


def role_of(settings: Settings, routes: Sequence[Route]) -> Role:
    """The role whose inbox this connection uses, an operator's when it uses the common one."""
    all_roles = {role.inbox: role for role in roles(settings, routes)}
    by_name = {role.name: role for role in all_roles.values()}
    return all_roles.get(settings.nats_inbox_prefix, by_name[OPERATOR])


def monitored_room(check: str, varz: Mapping[str, Any]) -> Iterable[Finding]:
    """What is left of what the server gives to JetStream, from its page /varz."""
    jetstream = varz.get("jetstream") or {}
    limit = int((jetstream.get("config") or {}).get("max_storage", 0))
    if limit > 0:
        yield room_finding(check, limit - int((jetstream.get("stats") or {}).get("storage", 0)), limit)


async def _monitored(monitor: str, profile: Profile) -> list[Finding]:
    check = f"NATS sync at {monitor}"
    try:
        varz = await asyncio.to_thread(_varz, monitor)
    except (OSError, ValueError) as error:
        return [
            Finding(
                check,
                "error",
                f"the monitor does not answer ({type(error).__name__})",
                "whether the server syncs before it acknowledges is not known",
                "start nats-server with `http: HOST:8222`, or correct --nats-monitor",
            )
        ]
    return [
        sync_finding(check, *monitored_sync(varz), profile),
        *monitored_room(f"JetStream storage at {monitor}", varz),
    ]


def _varz(monitor: str) -> dict[str, Any]:
    if not monitor.startswith(("http://", "https://")):
        raise ValueError(monitor)
    with urllib.request.urlopen(f"{monitor.rstrip('/')}/varz", timeout=MONITOR_ANSWERS_S) as reply:  # noqa: S310  # checked above
        found: dict[str, Any] = json.load(reply)
    return found


async def _clock(nc: Client) -> Finding:
    asked = time.time()
    try:
        told = await api(nc, f"STREAM.INFO.{streams.EVENTS}")
    except BridgeError:
        return Finding("clock of NATS", "info", "not read: the server tells its time with a stream, and there is none")
    answered = time.time()
    return clock_finding("of NATS", ClockReading(datetime.fromisoformat(told["ts"]).timestamp(), asked, answered).ahead)


async def _permissions(nc: Client, role: Role) -> AsyncIterator[Finding]:
    try:
        reply = await nc.request("$SYS.REQ.USER.INFO", b"", timeout=2)
        told = json.loads(reply.data).get("data") or {}
    except (NatsError, ValueError):
        yield Finding("permissions", "info", "the server did not tell what this user may do")
        return
    for finding in permission_findings(told, role.publish_whole, role.subscribe):
        yield finding._replace(found=f"{finding.found} (role {role.name})")
