"""Removes what a generation has on the servers: consumers, topics, its group, its places, and its name from the register."""

from __future__ import annotations

from collections.abc import Iterable

from aiokafka.admin import AIOKafkaAdminClient
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

    Raises GenerationError while it serves, takes over or has workers. One that was cut off can be repeated.
    """
    held = await read_register(nc, settings.installation)
    register = held.register
    if name not in register.generations:
        raise GenerationError(f"generation {shown(name)} is not declared")
    if name in (register.serving, register.following):
        raise GenerationError(f"generation {shown(name)} serves or takes over; switch to another one first")
    own = settings_of(settings, register.generations[name])
    if await ask_owners(nc, own.app_id, own.partitions, wait_s=0.5):
        raise GenerationError(f"generation {shown(name)} has workers; stop them first")
    consumers = await _drop_consumers(nc, own)
    topics = await _drop_topics(own)
    await _drop_places(nc, register.generations.values(), own)
    left = {key: one for key, one in register.generations.items() if key != name}
    await change_register(nc, settings.installation, held, register.model_copy(update={"generations": left}))
    return {"consumers": consumers, "topics": topics}


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


async def _drop_topics(own: Settings) -> int:
    admin = AIOKafkaAdminClient(**kafka_options(own.kafka), request_timeout_ms=REQUEST_TIMEOUT_MS)
    await admin.start()
    try:
        there = set(await admin.list_topics())
        names = [topic.name for topic in declared_by(own) if topic.name in there]
        if names:
            # The broker forgets what the group has committed for them, too.
            await admin.delete_topics(names)
        return len(names)
    finally:
        await admin.close()


async def _drop_places(nc: Client, generations: Iterable[Generation], own: Settings) -> None:
    for other in generations:
        for subject in (
            place_subject(own.generation, other.app_id, ANY_PARTITION),
            place_subject(other.name, own.app_id, ANY_PARTITION),
        ):
            await api(nc, f"STREAM.PURGE.{POSITIONS}", {"filter": subject})
