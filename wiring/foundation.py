"""What nearly every part of a worker stands on: its settings and the names they give, the connection to NATS, and its role."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nats.aio.client import Client

from agents.reading import EventLog
from agents.serving import Role
from agents.traced_outcomes import traced_outcomes
from bridge.dead_letters import DeadLetters
from bridge.route_file import Limits, read_routes
from bridge.routes import IngressRoute, Route
from config import routes, topics
from config.generations import routes_of_generation
from config.settings import Settings
from config.topics import OwnTopics
from config.version import VERSION
from tracing.worker import NoTraces, worker_traces


@dataclass(frozen=True)
class Foundation:
    """Nothing of it is connected before the worker starts."""

    settings: Settings
    address: str
    """Where this worker's pages are; also the name by which others know the worker."""
    topics: OwnTopics
    routes: Sequence[Route]
    """As the files and this generation declare them."""
    traces: NoTraces
    nc: Client
    letters: DeadLetters
    log: EventLog
    role: Role

    def route_to(self, topic: str) -> IngressRoute:
        """The one route that feeds a topic of the lanes."""
        [route] = [one for one in self.routes if isinstance(one, IngressRoute) and one.target.topic == topic]
        return route


def lay_foundation(settings: Settings) -> Foundation:
    """What the settings say. Raises RouteFileError, BridgeError and TracesUnavailableError."""
    address = f"{settings.http_host}:{settings.http_port}"
    own_topics = topics.own_topics(settings.generation)
    traces = worker_traces(
        on=settings.traces,
        service=settings.app_id,
        instance=address,
        version=VERSION,
        foreign_topic=own_topics.foreign,
        describe=traced_outcomes,
    )
    nc = traces.client()
    return Foundation(
        settings=settings,
        address=address,
        topics=own_topics,
        routes=_declared_routes(settings),
        traces=traces,
        nc=nc,
        letters=DeadLetters(nc, "person.dlq"),
        log=EventLog(nc),
        role=Role(nc, settings.installation, settings.generation),
    )


def _declared_routes(settings: Settings) -> Sequence[Route]:
    limits = Limits(settings.partitions, routes.FED_TOPICS, routes.ROUTERS)
    return routes_of_generation(
        read_routes(settings.routes_file or routes.PACKAGED, routes.PACKAGED, limits),
        settings.generation,
        settings.partitions,
        settings.stored_partitions,
    )
