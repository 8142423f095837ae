"""The streams: as they are declared, with all their copies, how much waits to be carried, and dead letters."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

from nats.aio.client import Client

from bridge.ingress_route import declared_consumers
from bridge.jetstream import CONSUMER_NOT_FOUND, STREAM_NOT_FOUND, JetStreamError, api
from bridge.read import first_message
from bridge.routes import IngressRoute, Route
from bridge.streams import differences
from config import streams
from config.settings import Settings
from ops.doctor.finding import Finding, good
from ops.doctor.profile import Profile, replicas_finding
from queries.dead_letters.census import LetterCensus

MANY = 10_000
"""Messages that wait for ingress in an ordinary burst."""
WAITS_LONG_S = 60.0
COPY_SILENT_NS = 10_000_000_000


async def stream_findings(
    nc: Client, settings: Settings, routes: Sequence[Route], profile: Profile
) -> AsyncIterator[Finding]:
    """One finding or more per declared stream, and what waits; raises the client's error when JetStream does not answer."""
    for declared in streams.streams(settings.stored_partitions, settings.replicas):
        name = str(declared["name"])
        info = await _info(nc, f"STREAM.INFO.{name}", STREAM_NOT_FOUND)
        for finding in judged_stream(name, declared, info, profile):
            yield finding
        if name == streams.DEAD_LETTERS and info is not None:
            yield dead_letters_finding(len(list(await LetterCensus(nc).open_letters())))
    async for finding in _consumers(nc, settings, routes):
        yield finding


def judged_stream(
    name: str, declared: Mapping[str, Any], info: Mapping[str, Any] | None, profile: Profile
) -> Iterable[Finding]:
    """What a stream is, from the answer of STREAM.INFO; None for a missing one."""
    check = f"stream {name}"
    if info is None:
        yield Finding(
            check, "error", "missing", "what is sent there is not stored", "start a worker once; it creates the streams"
        )
        return
    wrong = list(differences({**declared, "num_replicas": info["config"].get("num_replicas", 1)}, info["config"]))
    if wrong:
        yield Finding(
            check,
            "error",
            "; ".join(wrong),
            "no worker starts with another configuration than the declared one",
            "change the stream with `nats stream edit`, or make the settings agree; docs/reference/streams.md says why each matters",
        )
    found, wanted = int(info["config"].get("num_replicas", 1)), int(declared["num_replicas"])
    if found < wanted:
        yield Finding(
            check,
            "error",
            f"{found} replicas, declared {wanted}",
            "a server that is lost takes events along, or stops all writes",
            f"`nats stream edit {name} --replicas {wanted}`",
        )
    few = replicas_finding(check, found, profile)
    if few is not None and found >= wanted:
        yield few
    yield from copies_findings(check, info.get("cluster") or {}, found)
    if not wrong and found >= wanted and few is None:
        yield good(check, f"{info['state']['messages']} messages")


def copies_findings(check: str, cluster: Mapping[str, Any], replicas: int) -> Iterable[Finding]:
    """Copies that are missing or behind, from the `cluster` part of STREAM.INFO."""
    if replicas > 1 and not cluster.get("leader"):
        yield Finding(
            check,
            "error",
            "no leader",
            "nothing can be stored until one is elected",
            "start the servers of NATS that are down",
        )
    behind = [
        f"{one.get('name', '?')} {'is offline' if one.get('offline') else 'is behind'}"
        for one in cluster.get("replicas") or ()
        if one.get("offline") or (not one.get("current") and int(one.get("active", 0)) > COPY_SILENT_NS)
    ]
    if behind:
        yield Finding(
            check,
            "warning",
            ", ".join(behind),
            "another failure may stop it or lose what only one copy has",
            "start the server, and wait until its copy is current",
        )


def dead_letters_finding(letters: int) -> Finding:
    """Whether somebody has to look at messages that could not be handled; persons and sagas that are parked are counted by their owners."""
    if not letters:
        return good("dead letters", "none")
    return Finding(
        "dead letters",
        "warning",
        f"{letters} open",
        "something could not be handled and waits for an operator; it is removed after 30 days",
        "`person dlq list` names the causes; docs/how-to/work-with-dead-letters.md",
    )


def waiting_finding(name: str, waiting: int, oldest_s: float | None) -> Finding:
    """Whether ingress keeps up, from what it has not acknowledged and the age of the oldest."""
    age = "" if oldest_s is None else f", the oldest {oldest_s:.0f} s old"
    found = f"{waiting} messages on their way to Kafka{age}"
    if oldest_s is not None and oldest_s > WAITS_LONG_S:
        return Finding(
            name,
            "error",
            found,
            "it stands still, or is slower than what comes",
            "`person routes` says who carries it and its last error, the workers' logs say more",
        )
    if waiting >= MANY:
        return Finding(
            name, "warning", found, "it is behind, and what is sent now becomes visible late", "look again in a minute"
        )
    return good(name, found)


async def _consumers(nc: Client, settings: Settings, routes: Sequence[Route]) -> AsyncIterator[Finding]:
    waiting, oldest, where = 0, None, ""
    optional = {route.source.stream for route in routes if isinstance(route, IngressRoute) and route.optional}
    for stream, declared in declared_consumers(routes, settings.partitions):
        name = declared["durable_name"]
        info = await _info(nc, f"CONSUMER.INFO.{stream}.{name}", CONSUMER_NOT_FOUND, STREAM_NOT_FOUND)
        if info is None:
            if stream not in optional:
                yield missing_consumer(stream, name)
            continue
        wrong = list(differences(declared, info["config"]))
        if wrong:
            yield Finding(
                f"consumer {name}",
                "error",
                "; ".join(wrong),
                "no worker starts with it",
                f"delete it (`nats consumer rm {stream} {name}`); a worker makes it again and loses nothing",
            )
        unacknowledged = int(info["num_pending"]) + int(info["num_ack_pending"])
        waiting += unacknowledged
        if unacknowledged:
            age = await _oldest(nc, stream, info)
            if age is not None and age > (oldest or 0.0):
                oldest, where = age, f" by {name}"
    finding = waiting_finding("ingress", waiting, oldest)
    yield finding._replace(found=finding.found + (where if not finding.ok else ""))


def missing_consumer(stream: str, name: str) -> Finding:
    """What a consumer that is not there means."""
    return Finding(
        f"consumer {name}",
        "error",
        f"missing in {stream}",
        "nothing is carried from there to Kafka",
        "start a worker once; it creates the consumers",
    )


async def _oldest(nc: Client, stream: str, info: Mapping[str, Any]) -> float | None:
    floor = int(info["ack_floor"]["stream_seq"])
    message = await first_message(nc, stream, info["config"].get("filter_subject") or ">", after=floor)
    return None if message is None else max(0.0, time.time() - message.stored_at.timestamp())


async def _info(nc: Client, subject: str, *absent: int) -> dict[str, Any] | None:
    try:
        return await api(nc, subject)
    except JetStreamError as error:
        if error.code in absent:
            return None
        raise
