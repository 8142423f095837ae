"""`person doctor`: what must hold for an installation to work, checked one by one; each failure says what to do."""

from __future__ import annotations

import contextlib
import shutil
from typing import NamedTuple

import orjson
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from nats.aio.client import Client
from nats.errors import Error as NatsError

from bridge.connection import connect
from bridge.errors import BridgeError
from bridge.ingress_route import consumer_feeding, declared_consumers, waiting_of
from bridge.jetstream import JetStreamError, api
from bridge.route_file import RouteFileError
from bridge.trimming import ProcessedLog, plan_trim
from config import streams, topics
from config.settings import Settings
from ops.installation import routes_of
from ops.routes import checked

MIN_FREE_BYTES = 1 << 30
COMMANDS_GO_WITHIN_S = 24 * 3600.0
WORKERS_ANSWER_S = 0.5
MIN_API_LEVEL = 4
"""JetStream API level of nats-server 2.14, the first that resets consumers."""


class Finding(NamedTuple):
    """One check: what was found and, when it is not ok, what to do."""

    check: str
    ok: bool
    found: str
    advice: str = ""


async def examine(settings: Settings) -> list[Finding]:
    """Run all checks; a check whose server is missing is left out after the finding that says so."""
    try:
        declared = routes_of(settings)
    except RouteFileError as error:
        return [Finding("routes", False, "the file of routes is wrong", str(error))]
    findings = [Finding("routes", True, f"{len(declared)} declared"), *await _nats(settings), *await _kafka(settings)]
    if all(
        finding.ok
        for finding in findings
        if finding.check.partition(" ")[0] in ("NATS", "JetStream", "stream", "Kafka", "topic")
    ):
        findings.append(await _trimmed(settings))
        findings += [
            Finding("route", False, line, "docs/reference/routes.md says what a route needs")
            for line in await checked(settings)
        ]
    return [*findings, _disk(settings)]


async def _nats(settings: Settings) -> list[Finding]:
    nc = Client()
    try:
        await connect(nc, settings.nats_url, name="person doctor")
    except BridgeError as error:
        return [Finding("NATS", False, settings.nats_url, str(error))]
    findings = [
        Finding("NATS", True, f"{settings.nats_url}, server {str(nc.connected_server_version).split()[-1].strip('v>')}")
    ]
    try:
        level = int((await api(nc, "INFO")).get("api", {}).get("level", 0))
        findings.append(
            Finding(
                "JetStream",
                level >= MIN_API_LEVEL,
                f"API level {level}",
                "ingress resets consumers, which needs nats-server 2.14 or newer",
            )
        )
        for declared in streams.streams(settings.partitions, settings.replicas):
            findings.append(await _stream(nc, str(declared["name"])))
        findings.append(await _unacknowledged(nc, settings))
        findings.append(await _queries(nc))
    except (BridgeError, NatsError) as error:
        findings.append(Finding("JetStream", False, str(error), "enable JetStream on the server and look at its log"))
    finally:
        await nc.close()
    return findings


async def _stream(nc: Client, name: str) -> Finding:
    try:
        state = (await api(nc, f"STREAM.INFO.{name}"))["state"]
    except JetStreamError as error:
        return Finding(f"stream {name}", False, error.description, "start a worker once; it creates the streams")
    if name == streams.DEAD_LETTERS and state["messages"]:
        return Finding(
            "dead letters",
            False,
            f"{state['messages']} open",
            "docs/reference/dead-letters.md says how to read and remove them; each names its cause",
        )
    return Finding(f"stream {name}", True, f"{state['messages']} messages")


async def _unacknowledged(nc: Client, settings: Settings) -> Finding:
    waiting = 0
    for stream, declared in declared_consumers(routes_of(settings), settings.partitions):
        waiting += await waiting_of(nc, stream, declared["durable_name"])
    return Finding(
        "ingress",
        waiting < 10_000,
        f"{waiting} messages on their way to Kafka",
        "`person routes` says which route is behind, the workers' logs say why",
    )


async def _queries(nc: Client) -> Finding:
    inbox = nc.new_inbox()
    replies = await nc.subscribe(inbox)
    await nc.publish("$SRV.PING.person-queries", b"", reply=inbox)
    versions = []
    with contextlib.suppress(NatsError):
        while True:
            versions.append(str(orjson.loads((await replies.next_msg(timeout=WORKERS_ANSWER_S)).data)["version"]))
    await replies.unsubscribe()
    if not versions:
        return Finding("workers", False, "no worker answers", "start one with `person worker` or `person up`")
    return Finding("workers", True, f"{len(versions)} answer queries, version {', '.join(sorted(set(versions)))}")


async def _kafka(settings: Settings) -> list[Finding]:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap, request_timeout_ms=5000)
    try:
        await admin.start()
        found = {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}
    except (KafkaError, OSError) as error:
        return [
            Finding(
                "Kafka",
                False,
                settings.kafka_bootstrap,
                f"no broker answers ({type(error).__name__}); start it (`person up`) or set PERSON_KAFKA_BOOTSTRAP",
            )
        ]
    finally:
        await admin.close()
    findings = [Finding("Kafka", True, settings.kafka_bootstrap)]
    for declared in topics.declared_by(settings):
        partitions = found.get(declared.name)
        findings.append(
            Finding(
                f"topic {declared.name}",
                partitions == declared.partitions,
                "missing" if partitions is None else f"{partitions} partitions",
                f"expected {declared.partitions} partitions (PERSON_PARTITIONS); a worker creates a missing topic at its start",
            )
        )
    return findings


async def _trimmed(settings: Settings) -> Finding:
    """Whether processed commands that are older than a day are still in a log."""
    consumer = consumer_feeding(routes_of(settings), topics.COMMANDS)
    log = ProcessedLog(streams.COMMANDS, consumer, topics.COMMANDS, settings.partitions, settings.app_id)
    nc = Client()
    try:
        await connect(nc, settings.nats_url, name="person doctor")
        overdue = await plan_trim(nc, settings.kafka_bootstrap, log, keep_s=COMMANDS_GO_WITHIN_S)
    except (BridgeError, KafkaError, NatsError, OSError) as error:
        return Finding(
            "trimming", False, f"{type(error).__name__}: {error}", "start a worker once; it creates what is read"
        )
    finally:
        await nc.close()
    if overdue.empty:
        return Finding("trimming", True, "no processed command is older than 24 hours")
    where = [f"the oldest in {streams.COMMANDS} is {overdue.oldest_s / 3600:.0f} hours old"] if overdue.oldest_s else []
    if overdue.delete_before:
        where.append(f"{len(overdue.delete_before)} partitions of {topics.COMMANDS} hold some")
    return Finding(
        "trimming",
        False,
        f"processed commands are older than 24 hours: {', '.join(where)}",
        "they hold personal data; the worker that owns partition 0 trims them, look at its log for trimming",
    )


def _disk(settings: Settings) -> Finding:
    folder = settings.data_dir
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    return Finding("disk", free >= MIN_FREE_BYTES, f"{free >> 20} MiB free for tables", "free at least 1 GiB")
