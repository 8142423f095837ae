"""The roles of an installation at NATS: workers, those who send, ask, operate and administrate, and the neighbours.

Guarantee: only workers may publish events, and nobody but an administrator may change or remove a stream that workers need."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

from bridge.ingress_route import declared_consumers
from bridge.reports import ROUTES, STATUS, subject_of
from bridge.routes import EgressRoute, IngressRoute, Route
from config import streams
from config.settings import Settings
from domain.commands import COMMANDS
from domain.process_commands import RULE_COMMANDS, SAGA_COMMANDS
from domain.subjects import outcome_subject
from ops.permissions.role import Role, Subjects, inbox_of
from queries.authorisation.principal_subject import (
    NAMED_QUERIES,
    QUERIES,
    STANDBY,
    queries_of,
    standby_queries,
)
from queries.endpoints import ENDPOINTS
from queries.generation_reports import report_subject
from queries.inspection_subject import inspection_subject
from queries.operations_subject import operations_subject

T = TypeVar("T", bound=Hashable)

WORKER, CLIENT, READER, ANALYST, IMPORTER = "worker", "client", "reader", "analyst", "importer"
OPERATOR, SUBSCRIBER, ADMINISTRATOR = "operator", "subscriber", "administrator"

# One pair of clusters holds one installation; its generations differ in this token.
INTERNAL = "person.internal.*.>"
OPERATIONS = operations_subject("*", 0).rpartition(".")[0] + ".*"
INSPECTIONS = inspection_subject("*", 0).rpartition(".")[0] + ".*"
REPORTS = (subject_of("*", ROUTES), subject_of("*", STATUS), report_subject("*", 0).rpartition(".")[0] + ".*")
REGISTER = "person.positions.serving.*"
"""Which generation serves."""
FOR_OPERATORS = frozenset(name for name in ENDPOINTS if "dead_letter" in name) | {"list_quarantine"}
"""Queries about what went wrong, and acts on it: they show messages as they came."""
PURGED = (streams.COMMANDS, streams.TIMERS)
"""Streams from which workers remove what is done."""
OWN_RIGHTS = "$SYS.REQ.USER.INFO"
"""Where the server tells a user what it may do; `person doctor` compares it with the role."""
RULE_EVENTS = "person.rules.*.*"
"""What rule books hear."""
HUMAN_KINDS = frozenset({"user", "api", "hr"})
"""Kinds of actors that a client may stand for; commands that none of them may send are for workers alone."""


def roles(settings: Settings, routes: Sequence[Route]) -> list[Role]:
    """Every role, the worker first."""
    return [
        _worker(settings, routes),
        _client(),
        _importer(),
        Role(
            READER,
            "Asks about persons and processes, and follows changes; sends no command, sees no dead letter.",
            publish=_questions(READER),
            subscribe=(f"{inbox_of(READER)}.>", "person.live.*"),
            answers=True,
        ),
        Role(
            ANALYST,
            "Asks for figures that show no person.",
            publish=(f"{queries_of(ANALYST)}.get_statistics",),
            subscribe=(f"{inbox_of(ANALYST)}.>",),
        ),
        _subscriber(),
        _operator(settings, routes),
        Role(
            ADMINISTRATOR,
            "Creates, backs up, restores and removes streams and consumers. For people, and for as long as they need it.",
            publish=(">",),
            subscribe=(">",),
        ),
        *(_neighbour(domain) for domain in streams.NEIGHBOURS),
    ]


def _worker(settings: Settings, routes: Sequence[Route]) -> Role:
    own = [str(declared["name"]) for declared in streams.streams(settings.partitions, settings.replicas)]
    subjects = [
        subject
        for declared in streams.streams(settings.partitions, settings.replicas)
        for subject in declared["subjects"]
    ]
    sources = _unique(route.source.stream for route in routes if isinstance(route, IngressRoute))
    targets = [route for route in routes if isinstance(route, EgressRoute)]
    return Role(
        WORKER,
        "Runs the application: the only one that publishes events.",
        publish=(
            "$JS.API.INFO",
            OWN_RIGHTS,
            *(one for stream in own for one in _kept(stream)),
            *(f"$JS.API.STREAM.PURGE.{stream}" for stream in PURGED),
            *(
                f"$JS.API.STREAM.{verb}.{stream}"
                for stream in sources
                if stream not in own
                for verb in ("INFO", "MSG.GET")
            ),
            *(one for stream in sources for one in _pulled(stream)),
            *_listed(streams.DEAD_LETTERS),
            *(
                one
                for stream in _unique(route.target.stream for route in targets)
                for one in (f"$JS.API.STREAM.INFO.{stream}", f"$JS.API.STREAM.MSG.GET.{stream}")
            ),
            *subjects,
            *_unique(one for route in targets for one in (_published_by(route), f"{route.checkpoint}.*")),
            outcome_subject("*"),
            "person.live.*",
            INTERNAL,
            OPERATIONS,
            "_INBOX.>",
        ),
        subscribe=(
            f"{inbox_of(WORKER)}.>",
            f"{QUERIES}.*",
            f"{NAMED_QUERIES}.*",
            *(f"{one}.*" for one in standby_queries("*")),
            INTERNAL,
            OPERATIONS,
            INSPECTIONS,
            REGISTER,
            RULE_EVENTS,
            "$SRV.>",
        ),
        answers=True,
    )


def _client() -> Role:
    return Role(
        CLIENT,
        "Sends commands on persons and asks what became of them; no query else.",
        publish=(*_commands_of_people(), f"{queries_of(CLIENT)}.get_outcome"),
        subscribe=(f"{inbox_of(CLIENT)}.>",),
    )


def _importer() -> Role:
    return Role(
        IMPORTER,
        "Brings people in: compares what is held with a source and sends what differs.",
        publish=(
            *_commands_of_people(),
            *_questions(IMPORTER),
            f"$JS.API.STREAM.INFO.{streams.EVENTS}",
            f"$JS.API.STREAM.MSG.GET.{streams.EVENTS}",
        ),
        subscribe=(f"{inbox_of(IMPORTER)}.>",),
        answers=True,
    )


def _commands_of_people() -> list[str]:
    return sorted(spec.type for spec in COMMANDS.values() if not spec.kinds or spec.kinds & HUMAN_KINDS)


def _questions(name: str) -> Subjects:
    """Every query that is not for operators, asked under a name."""
    return tuple(f"{queries_of(name)}.{endpoint}" for endpoint in ENDPOINTS if endpoint not in FOR_OPERATORS)


def _subscriber() -> Role:
    stream, consumer = streams.EVENTS, SUBSCRIBER
    return Role(
        SUBSCRIBER,
        f"Reads the events by the durable consumer {consumer!r}, which an administrator creates, or as they are republished.",
        publish=(
            f"$JS.API.CONSUMER.INFO.{stream}.{consumer}",
            f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}",
            *_acknowledged(stream, consumer),
        ),
        subscribe=(f"{inbox_of(SUBSCRIBER)}.>", "person.events.*.*"),
    )


def _operator(settings: Settings, routes: Sequence[Route]) -> Role:
    own = [str(declared["name"]) for declared in streams.streams(settings.partitions, settings.replicas)]
    foreign = _unique(route.source.stream for route in routes if isinstance(route, IngressRoute))
    seen = _unique([*own, *foreign])
    held = _unique(
        (stream, str(one["durable_name"])) for stream, one in declared_consumers(routes, settings.partitions)
    )
    commands = sorted(spec.type for spec in (*SAGA_COMMANDS.values(), *RULE_COMMANDS.values()))
    return Role(
        OPERATOR,
        "Looks at everything, and acts on dead letters, sagas and policies.",
        publish=(
            f"{queries_of(OPERATOR)}.*",
            f"{STANDBY}.*.as.{OPERATOR}.queries.*",
            INSPECTIONS,
            *REPORTS,
            *commands,
            "$SRV.>",
            "$JS.API.INFO",
            OWN_RIGHTS,
            *(
                one
                for stream in seen
                for one in (
                    f"$JS.API.STREAM.INFO.{stream}",
                    f"$JS.API.STREAM.MSG.GET.{stream}",
                    f"$JS.API.CONSUMER.CREATE.{stream}",
                    f"$JS.API.CONSUMER.*.{stream}.>",
                    f"$JS.API.CONSUMER.MSG.NEXT.{stream}.*",
                    *_acknowledged(stream),
                )
            ),
            f"$JS.API.STREAM.MSG.DELETE.{streams.DEAD_LETTERS}",
            f"$JS.API.STREAM.PURGE.{streams.DEAD_LETTERS}",
            "$JS.FC.>",
        ),
        deny_publish=tuple(
            one
            for stream, consumer in held
            for one in (
                *(f"$JS.API.CONSUMER.{verb}.{stream}.{consumer}" for verb in ("CREATE", "DELETE", "RESET", "PAUSE")),
                f"$JS.API.CONSUMER.CREATE.{stream}.{consumer}.>",
                f"$JS.API.CONSUMER.DURABLE.CREATE.{stream}.{consumer}",
                f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}",
                *_acknowledged(stream, consumer),
            )
        ),
        subscribe=(f"{inbox_of(OPERATOR)}.>", "person.live.*"),
        answers=True,
    )


def _neighbour(domain: str) -> Role:
    name, own, outbox = f"neighbour_{domain}", streams.neighbour_stream(domain), streams.OUTBOUND
    consumer = f"neighbour-{domain}"
    return Role(
        name,
        f"The domain {domain}: keeps its own stream, and takes the commands that are for it by the consumer {consumer!r}.",
        publish=(
            f"{domain}.events.>",
            f"$JS.API.STREAM.*.{own}",
            f"$JS.API.STREAM.MSG.*.{own}",
            f"$JS.API.CONSUMER.*.{own}.>",
            f"$JS.API.CONSUMER.MSG.NEXT.{own}.*",
            *_acknowledged(own),
            "$JS.FC.>",
            f"$JS.API.STREAM.INFO.{outbox}",
            f"$JS.API.CONSUMER.INFO.{outbox}.{consumer}",
            # The filter in the subject: the server refuses a consumer of another domain's commands.
            f"$JS.API.CONSUMER.CREATE.{outbox}.{consumer}.{domain}.commands.>",
            f"$JS.API.CONSUMER.MSG.NEXT.{outbox}.{consumer}",
            *_acknowledged(outbox, consumer),
        ),
        subscribe=(f"{inbox_of(name)}.>",),
    )


def _kept(stream: str) -> Subjects:
    """A stream of our own: created if it is missing, and read message by message."""
    return (
        f"$JS.API.STREAM.INFO.{stream}",
        f"$JS.API.STREAM.CREATE.{stream}",
        f"$JS.API.STREAM.MSG.GET.{stream}",
    )


def _pulled(stream: str) -> Subjects:
    return (
        f"$JS.API.CONSUMER.INFO.{stream}.*",
        f"$JS.API.CONSUMER.CREATE.{stream}.*",
        f"$JS.API.CONSUMER.RESET.{stream}.*",
        f"$JS.API.CONSUMER.MSG.NEXT.{stream}.*",
        *_acknowledged(stream),
    )


def _listed(stream: str) -> Subjects:
    """Read as a whole, by a consumer that lives as long as the reading."""
    return (f"$JS.API.CONSUMER.CREATE.{stream}", f"$JS.API.CONSUMER.CREATE.{stream}.>", "$JS.FC.>")


def _acknowledged(stream: str, consumer: str | None = None) -> Subjects:
    """Acknowledgements in the form that servers use without a JetStream domain, and the one with it."""
    of = f"{stream}.{consumer}" if consumer else stream
    return (f"$JS.ACK.{of}.>", f"$JS.ACK.*.*.{of}.>")


def _published_by(route: EgressRoute) -> str:
    """The subjects of a route: every token that comes from a record may be any."""
    tokens = ["*" if "{" in token else token for token in route.target.subject.split(".")]
    # A value that is not encoded may have dots, and so more tokens.
    return (
        ".".join(tokens) if route.target.encode or "*" not in tokens else ".".join(tokens[: tokens.index("*")]) + ".>"
    )


def _unique(values: Iterable[T]) -> list[T]:
    return list(dict.fromkeys(values))
