"""Runs all checks of `person doctor` and gathers their findings.

Guarantee: nothing is created, changed or removed. A check whose server is missing is left out after the finding that says so; one that fails
in an unforeseen way is a finding, too."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from nats.aio.client import Client
from nats.errors import Error as NatsError

from bridge.connection import connect
from bridge.errors import BridgeError
from bridge.route_file import RouteFileError
from bridge.routes import Route
from bridge.running import check_routes
from config.settings import Settings
from connections.errors import AccessSettingError
from ops.doctor.finding import Finding, good
from ops.doctor.kafka_cluster import kafka_findings
from ops.doctor.machine import disk_finding, library_findings, python_finding
from ops.doctor.nats_server import server_findings
from ops.doctor.profile import Profile, differing_settings, settings_findings
from ops.doctor.stream_state import stream_findings
from ops.doctor.trimming import trimming_finding
from ops.doctor.workers import ask_workers, worker_findings
from ops.installation import routes_of
from queries.status.settings_told import settings_told

KAFKA_ANSWERS_MS = 5000
BEFORE_ROUTES = frozenset({"NATS", "JetStream", "stream", "consumer", "Kafka", "topic"})
"""What must be in order before it makes sense to look at what trimming and routes do with it."""


async def examine(
    settings: Settings, *, profile: Profile = "development", monitors: Sequence[str] = ()
) -> list[Finding]:
    """Run all checks. `monitors` are addresses of NATS monitors, one per server, that tell whether it syncs."""
    findings = [python_finding(), *library_findings(), disk_finding(settings.data_dir)]
    try:
        settings.check_access()
        own = settings_told(settings)
        findings += settings_findings(own, profile)
    except AccessSettingError as error:
        return [
            *findings,
            Finding("settings", "error", str(error), "nothing connects with them", "correct the setting"),
        ]
    try:
        routes = routes_of(settings)
    except RouteFileError as error:
        return [
            *findings,
            Finding("routes", "error", "the file of routes is wrong", "no worker starts with it", str(error)),
        ]
    findings.append(good("routes", f"{len(routes)} declared"))
    nc = Client()
    try:
        await connect(nc, settings.nats, name="person doctor")
    except BridgeError as error:
        findings.append(
            Finding("NATS", "error", settings.nats_url, "nothing works without it; workers wait for it", str(error))
        )
        return [*findings, *await _kafka(settings, routes, profile, None)]
    try:
        findings += [one async for one in _nats(nc, settings, routes, profile, monitors)]
        answers = await ask_workers(nc, settings.app_id)
        findings += worker_findings(answers, settings.partitions)
        told = {name: document["settings"] for name, document in answers.documents.items()}
        findings += differing_settings(own, told, profile)
        findings += await _kafka(settings, routes, profile, len(answers.documents))
        if all(one.ok for one in findings if one.check.partition(" ")[0] in BEFORE_ROUTES):
            findings.append(await trimming_finding(nc, settings, routes))
            findings += [_unfit(line) for line in await check_routes(nc, settings.kafka, routes)]
    finally:
        await nc.close()
    return findings


async def _nats(
    nc: Client, settings: Settings, routes: Sequence[Route], profile: Profile, monitors: Sequence[str]
) -> AsyncIterator[Finding]:
    try:
        async for finding in server_findings(nc, settings, routes, profile, monitors):
            yield finding
        async for finding in stream_findings(nc, settings, routes, profile):
            yield finding
    except (BridgeError, NatsError, TimeoutError) as error:
        yield Finding(
            "JetStream",
            "error",
            str(error) or type(error).__name__,
            "events cannot be stored or read",
            "enable JetStream on the server and look at its log; a user that may not ask it gets no answer either",
        )


async def _kafka(settings: Settings, routes: Sequence[Route], profile: Profile, answering: int | None) -> list[Finding]:
    admin = AIOKafkaAdminClient(**settings.kafka.client_options(), request_timeout_ms=KAFKA_ANSWERS_MS)
    try:
        await admin.start()
        return [one async for one in kafka_findings(admin, settings, routes, profile, answering)]
    except (KafkaError, OSError, TimeoutError) as error:
        return [
            Finding(
                "Kafka",
                "error",
                f"{settings.kafka_bootstrap}: {type(error).__name__}",
                "lanes neither read nor write; commands are stored in JetStream and wait",
                "start the brokers (`person up`), or correct PERSON_KAFKA_BOOTSTRAP or the login",
            )
        ]
    finally:
        await admin.close()


def _unfit(line: str) -> Finding:
    return Finding("route", "error", line, "it carries nothing", "docs/reference/routes.md says what a route needs")
