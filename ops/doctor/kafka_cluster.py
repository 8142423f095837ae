"""The brokers, the topics and the consumer groups: as declared, with all their copies, co-partitioned, and read by somebody."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment

from bridge.egress_route import group_of
from bridge.routes import EgressRoute, Route
from bridge.topics import DeclaredTopic, differences_of
from config import topics
from config.settings import Settings
from ops.doctor.finding import Finding, good
from ops.doctor.profile import Profile, in_sync_finding, replicas_finding


class TopicCopies(NamedTuple):
    """The partitions of a topic: how many, the fewest copies of one, those without a leader and those with a copy out of sync."""

    partitions: int
    replicas: int
    leaderless: Sequence[int]
    out_of_sync: Sequence[int]


class Group(NamedTuple):
    """A consumer group: its state, and the partitions of each member by topic."""

    state: str
    members: Mapping[str, Mapping[str, frozenset[int]]]


@dataclass
class BrokerFacts:
    """What the cluster says of itself."""

    brokers: int
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By broker; empty for what the user may not read."""


async def kafka_findings(
    admin: AIOKafkaAdminClient, settings: Settings, routes: Sequence[Route], profile: Profile, answering: int | None
) -> AsyncIterator[Finding]:
    """Everything that a connected client of the cluster can tell; raises the client's error when it does not answer.

    `answering` is the number of workers that answered over NATS, None when nobody was asked.
    """
    cluster = await admin.describe_cluster()
    facts = BrokerFacts(len(cluster["brokers"]))
    facts.settings = {
        str(one["node_id"]): await _settings(admin, ConfigResourceType.BROKER, str(one["node_id"]))
        for one in cluster["brokers"]
    }
    for finding in broker_findings(facts, settings, profile):
        yield finding
    copies = {topic["topic"]: topic_copies(topic) for topic in await admin.describe_topics()}
    for declared in topics.declared_by(settings):
        wrong = await differences_of(admin, declared) if declared.name in copies else []
        for finding in topic_findings(declared, copies.get(declared.name), wrong, profile):
            yield finding
    yield copartitioning_finding({name: copies[name].partitions for name in copartitioned(settings) if name in copies})
    group = await _group(admin, settings.app_id)
    lane_topics = topics.own_topics(settings.generation)
    yield group_finding(settings.app_id, group, settings.partitions, lane_topics)
    if answering is not None and len(group.members) > answering:
        yield silent_finding(len(group.members), answering)
    for route in routes:
        if isinstance(route, EgressRoute):
            name = group_of(settings.installation, route)
            yield group_finding(name, await _group(admin, name))


def copartitioned(settings: Settings) -> list[str]:
    """Topics whose partition p belongs to one worker: those of lanes and all changelogs."""
    return [
        *topics.own_topics(settings.generation),
        *(f"{settings.app_id}-{table}-changelog" for table in topics.TABLES),
    ]


def broker_findings(facts: BrokerFacts, settings: Settings, profile: Profile) -> Iterable[Finding]:
    """Whether there are enough brokers, and whether their limits fit."""
    wanted = 3 if profile == "production" else settings.replicas
    if facts.brokers < wanted:
        yield Finding(
            "Kafka",
            "error",
            f"{settings.kafka_bootstrap}, {facts.brokers} brokers, needed are {wanted}",
            "topics cannot have their copies; a broker that is down leaves less than promised",
            "start the brokers that are down, or add some",
        )
    else:
        yield good(
            "Kafka", f"{settings.kafka_bootstrap}, {facts.brokers} {'broker' if facts.brokers == 1 else 'brokers'}"
        )
    for broker, held in sorted(facts.settings.items()):
        if held:
            yield _broker_settings(broker, held, settings)


def _broker_settings(broker: str, held: Mapping[str, str], settings: Settings) -> Finding:
    check = f"broker {broker}"
    session_ms = int(settings.session_timeout_s * 1000)
    lowest, highest = (int(held.get(f"group.{end}.session.timeout.ms", session_ms)) for end in ("min", "max"))
    if not lowest <= session_ms <= highest:
        return Finding(
            check,
            "error",
            f"sessions last from {lowest} to {highest} ms, PERSON_SESSION_TIMEOUT_S asks for {session_ms} ms",
            "no worker can join its group",
            "set group.min.session.timeout.ms on the brokers, or PERSON_SESSION_TIMEOUT_S",
        )
    small = [
        f"{name} is {held[name]}"
        for name in ("message.max.bytes", "replica.fetch.max.bytes")
        if name in held and int(held[name]) < settings.changelog_max_bytes
    ]
    if small:
        return Finding(
            check,
            "warning",
            f"{', '.join(small)}, PERSON_CHANGELOG_MAX_BYTES is {settings.changelog_max_bytes}",
            "large rows may be slow to copy, and topics that others create are too small for them",
            "raise both on the brokers",
        )
    if held.get("unclean.leader.election.enable") == "true":
        return Finding(
            check,
            "error",
            "unclean.leader.election.enable is true",
            "a copy that lacks acknowledged records may become the leader: they are lost",
            "set it to false",
        )
    return good(check, "its limits fit")


def topic_copies(described: Mapping[str, Any]) -> TopicCopies:
    """A topic as the metadata of the cluster describe it."""
    partitions = described["partitions"]
    return TopicCopies(
        len(partitions),
        min((len(one["replicas"]) for one in partitions), default=0),
        sorted(one["partition"] for one in partitions if one["leader"] < 0),
        sorted(one["partition"] for one in partitions if len(one["isr"]) < len(one["replicas"])),
    )


def topic_findings(
    declared: DeclaredTopic, found: TopicCopies | None, wrong: Sequence[str], profile: Profile
) -> Iterable[Finding]:
    """What a declared topic is; None for a missing one. `wrong` are differences to its declaration."""
    check = f"topic {declared.name}"
    if found is None:
        yield Finding(
            check,
            "error",
            "missing, or hidden from this user",
            "a worker creates it at its start; until then nothing flows",
            "start a worker, or give the user the rights of its role: deploy/security/",
        )
        return
    bad: list[Finding] = []
    if wrong:
        bad.append(
            Finding(
                check,
                "error",
                "; ".join(wrong),
                "no worker starts with another configuration than the declared one",
                "change the topic (`kafka-configs`, `kafka-reassign-partitions`) or the setting; "
                "the number of partitions stays for the life of a topic",
            )
        )
    if found.leaderless:
        bad.append(
            Finding(
                check,
                "error",
                f"partitions {_listed(found.leaderless)} have no leader",
                "they can neither be written nor read",
                "start the brokers that hold them",
            )
        )
    elif found.out_of_sync:
        bad.append(
            Finding(
                check,
                "warning",
                f"partitions {_listed(found.out_of_sync)} have copies that are not in sync",
                "with fewer copies than min.insync.replicas nothing can be written",
                "start the broker that is missing, and wait until it has caught up",
            )
        )
    if not wrong:
        few = (
            replicas_finding(check, found.replicas, profile),
            in_sync_finding(check, int(declared.settings.get("min.insync.replicas", 1)), profile),
        )
        bad += [one for one in few if one is not None]
    yield from bad or [good(check, f"{found.partitions} partitions")]


def copartitioning_finding(partitions: Mapping[str, int]) -> Finding:
    """Whether topics that are read together have equally many partitions."""
    if len(set(partitions.values())) <= 1:
        return good("co-partitioning", f"{len(partitions)} topics are partitioned alike")
    usual = max(set(partitions.values()), key=list(partitions.values()).count)
    others = ", ".join(f"{name} has {count}" for name, count in sorted(partitions.items()) if count != usual)
    return Finding(
        "co-partitioning",
        "error",
        f"most topics have {usual} partitions, {others}",
        "a person's commands, events and rows would belong to different workers; no worker starts",
        "remove the topic that is wrong, if it is empty, and start a worker; it creates it anew. "
        "To change the number of partitions see docs/how-to/rebuild-tables.md",
    )


def group_finding(name: str, group: Group, partitions: int = 0, lane_topics: Sequence[str] = ()) -> Finding:
    """Whether a consumer group has members, and each of `partitions` one owner for all topics of lanes."""
    check = f"group {name}"
    if not group.members:
        return Finding(
            check,
            "error",
            f"{group.state or 'unknown'}, without members",
            "nobody reads its topics: what is sent waits and nothing is lost",
            "start a worker (`person worker`, `person up`)",
        )
    if group.state != "Stable":
        return Finding(
            check,
            "warning",
            f"{group.state}, {len(group.members)} members",
            "partitions are being given to workers; none is served meanwhile",
            "look again in some seconds; if it stays, a worker joins and leaves over and over: see the workers' logs",
        )
    if strange := _strange(group, partitions, lane_topics):
        return Finding(
            check,
            "error",
            strange,
            "a partition that nobody reads stands still; one whose topics have several owners cannot be committed",
            "restart the workers one after the other, with one release and the same settings",
        )
    return good(check, f"{len(group.members)} members")


def silent_finding(members: int, answering: int) -> Finding:
    """Members of the workers' group that did not answer over NATS."""
    return Finding(
        "workers that are silent",
        "warning",
        f"{members} are in the group, {answering} answer",
        "one is cut off from NATS, too busy to answer, or has died a moment ago",
        "look again; `/readyz` of each worker says more",
    )


def _strange(group: Group, partitions: int, lane_topics: Sequence[str]) -> str:
    owners: dict[int, set[str]] = {}
    complete: dict[int, set[str]] = {}
    for member, assigned in group.members.items():
        for topic in lane_topics:
            for partition in assigned.get(topic, ()):
                owners.setdefault(partition, set()).add(member)
                complete.setdefault(partition, set()).add(topic)
    unread = [one for one in range(partitions) if complete.get(one, set()) != set(lane_topics)]
    shared = [one for one, members in owners.items() if len(members) > 1]
    told = [f"partitions {_listed(unread)} are not read completely"] if unread else []
    told += [f"partitions {_listed(shared)} have several owners"] if shared else []
    return "; ".join(told)


async def _group(admin: AIOKafkaAdminClient, name: str) -> Group:
    for response in await admin.describe_consumer_groups([name]):
        for _, group, state, _, _, members, *_ in response.groups:
            if group == name:
                return Group(state, {str(member[0]): _assigned(member[4]) for member in members})
    return Group("", {})


def _assigned(raw: bytes) -> dict[str, frozenset[int]]:
    if not raw:
        return {}
    return {
        topic: frozenset(partitions) for topic, partitions in ConsumerProtocolMemberAssignment.decode(raw).assignment
    }


async def _settings(admin: AIOKafkaAdminClient, kind: ConfigResourceType, name: str) -> dict[str, str]:
    responses = await admin.describe_configs([ConfigResource(kind, name)])
    return {
        entry[0]: entry[1]
        for response in responses
        for resource in response.resources
        if not resource[0]
        for entry in resource[4]
        if entry[1] is not None
    }


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))
