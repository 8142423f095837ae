"""Whether processed commands, which hold personal data, are gone in time."""

from __future__ import annotations

from collections.abc import Sequence

from aiokafka.errors import KafkaError
from nats.aio.client import Client
from nats.errors import Error as NatsError

from bridge.errors import BridgeError
from bridge.ingress_route import consumer_feeding
from bridge.routes import Route
from bridge.trimming import ProcessedLog, plan_trim
from config import streams, topics
from config.settings import Settings
from ops.doctor.finding import Finding, good

GO_WITHIN_S = 24 * 3600.0


async def trimming_finding(
    nc: Client, settings: Settings, routes: Sequence[Route], *, go_within_s: float = GO_WITHIN_S
) -> Finding:
    """Whether processed commands that are older than a day are still in a log."""
    topic = topics.own_topics(settings.generation).commands
    consumer = consumer_feeding(routes, topic)
    log = ProcessedLog(streams.COMMANDS, consumer, topic, settings.partitions, settings.app_id)
    try:
        overdue = await plan_trim(nc, settings.kafka, log, keep_s=go_within_s)
    except (BridgeError, KafkaError, NatsError, OSError) as error:
        return Finding(
            "trimming",
            "error",
            f"{type(error).__name__}: {error}",
            "whether processed commands are gone in time is not known",
            "start a worker once; it creates what is read",
        )
    if overdue.empty:
        return good("trimming", "no processed command is older than 24 hours")
    where = [f"the oldest in {streams.COMMANDS} is {overdue.oldest_s / 3600:.0f} hours old"] if overdue.oldest_s else []
    if overdue.delete_before:
        where.append(f"{len(overdue.delete_before)} partitions of {topic} hold some")
    return Finding(
        "trimming",
        "error",
        f"processed commands are older than 24 hours: {', '.join(where)}",
        "they hold personal data, which is promised to be gone by then",
        "the worker that owns partition 0 trims them, look at its log for trimming",
    )
