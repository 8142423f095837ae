"""Removes what a generation has on the servers: its declaration, consumers, topics, its group and its places.

Guarantee: its name is never taken again, so no folder that is left of it can come back as tables of another one."""

from __future__ import annotations

from collections.abc import Iterable

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import for_code
from nats.aio.client import Client

from agents.follow_outcomes import place_subject
from agents.generations import Generation, change_register, read_register
from bridge.ingress_route import consumers_of
from bridge.jetstream import CONSUMER_NOT_FOUND, STREAM_NOT_FOUND, JetStreamError, api
from bridge.routes import IngressRoute
from config.settings import Settings
from config.streams import POSITIONS
from config.topics import OWN_TOPICS, declared_by, topic_of
from connections.kafka_cluster import kafka_options
from ops.generations.backlog import REQUEST_TIMEOUT_MS
from ops.generations.errors import GenerationError
from ops.generations.naming import settings_of, shown
from ops.installation import routes_of
from queries.generation_reports import ask_owners

ANY_PARTITION = "*"


async def drop(nc: Client, settings: Settings, name: str) -> dict[str, int]:
    """Remove a generation that stands by and has no workers; returns how many consumers and topics went.

    Raises GenerationError while it serves, takes over or has workers, and KafkaError. One that was cut off can be repeated.
    """
    held = await read_register(nc, settings.installation)
    register = held.register
    dropped = register.generations.get(name) or register.dropped.get(name)
    if dropped is None:
        raise GenerationError(f"generation {shown(name)} is not declared")
    if name in (register.serving, register.following):
        raise GenerationError(f"generation {shown(name)} serves or takes over; switch to another one first")
    own = settings_of(settings, dropped)
    admin = AIOKafkaAdminClient(**kafka_options(own.kafka), request_timeout_ms=REQUEST_TIMEOUT_MS)
    await admin.start()
    try:
        await _require_no_workers(nc, admin, own)
        left = {key: one for key, one in register.generations.items() if key != name}
        gone = {**register.dropped, name: dropped}
        # Before anything goes: a worker that starts from now on is refused, and a drop that is cut off is known as one.
        await change_register(
            nc, settings.installation, held, register.model_copy(update={"generations": left, "dropped": gone})
        )
        consumers = await _drop_consumers(nc, own)
        topics = await _drop_topics(admin, own)
    finally:
        await admin.close()
    await _drop_places(nc, left.values(), own)
    return {"consumers": consumers, "topics": topics}


async def _require_no_workers(nc: Client, admin: AIOKafkaAdminClient, own: Settings) -> None:
    """Ask the group, which knows also those that are silent, and the owners, who may have lost Kafka."""
    members = await _members(admin, own.app_id)
    if members:
        raise GenerationError(
            f"generation {shown(own.generation)} has workers: group {own.app_id} has {members} members. Stop them first; "
            "the group forgets one that was killed after PERSON_SESSION_TIMEOUT_S"
        )
    if await ask_owners(nc, own.app_id, own.partitions, wait_s=0.5):
        raise GenerationError(f"generation {shown(own.generation)} has workers; stop them first")


async def _members(admin: AIOKafkaAdminClient, group: str) -> int:
    for response in await admin.describe_consumer_groups([group]):
        for error_code, named, _, _, _, members, *_ in response.groups:
            if error_code:
                raise for_code(error_code)(f"group {group} cannot be described")
            if named == group:
                return len(members)
    return 0


async def _drop_consumers(nc: Client, own: Settings) -> int:
    dropped = 0
    topics = {topic_of(topic, own.generation) for topic in OWN_TOPICS}
    for route in routes_of(own):
        if not isinstance(route, IngressRoute) or route.target.topic not in topics:
            # Its consumer is everybody's.
            continue
        for declared in consumers_of(route, own.partitions):
            try:
                await api(nc, f"CONSUMER.DELETE.{route.source.stream}.{declared['durable_name']}")
                dropped += 1
            except JetStreamError as error:
                if error.code not in (CONSUMER_NOT_FOUND, STREAM_NOT_FOUND):
                    raise
    return dropped


async def _drop_topics(admin: AIOKafkaAdminClient, own: Settings) -> int:
    there = set(await admin.list_topics())
    names = [topic.name for topic in declared_by(own) if topic.name in there]
    if names:
        # The broker forgets what the group has committed for them, too.
        await admin.delete_topics(names)
    return len(names)


async def _drop_places(nc: Client, generations: Iterable[Generation], own: Settings) -> None:
    for other in generations:
        for subject in (
            place_subject(own.generation, other.app_id, ANY_PARTITION),
            place_subject(other.name, own.app_id, ANY_PARTITION),
        ):
            await api(nc, f"STREAM.PURGE.{POSITIONS}", {"filter": subject})
