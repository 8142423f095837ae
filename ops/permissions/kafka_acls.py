"""The access rules of an installation at Kafka: what workers do with topics, groups and epochs, and what an operator may see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from bridge.egress_route import group_of
from bridge.routes import EgressRoute, Route
from bridge.running import topic_of
from config import topics
from config.settings import Settings

Resource = Literal["topic", "group", "transactional-id"]


class Acl(NamedTuple):
    """One role may do some operations with one resource; `prefixed` means all whose names begin so."""

    role: Literal["worker", "operator"]
    resource: Resource
    name: str
    operations: tuple[str, ...]
    prefixed: bool = False


def acls(settings: Settings, routes: Sequence[Route]) -> list[Acl]:
    """All rules, those of workers first."""
    declared = [topic.name for topic in topics.declared_by(settings)]
    carried = sorted({topic_of(route) for route in routes} - set(declared))
    read = {route.source.topic for route in routes if isinstance(route, EgressRoute)}
    groups = [
        settings.app_id,
        *(group_of(settings.installation, one) for one in routes if isinstance(one, EgressRoute)),
    ]
    kept = ("Create", "Describe", "DescribeConfigs", "Read", "Write")
    return [
        *(
            # DeleteRecords, by which processed commands leave the log, is a right to delete.
            Acl(
                "worker",
                "topic",
                name,
                (*kept, "Delete") if name == topics.own_topics(settings.generation).commands else kept,
            )
            for name in declared
        ),
        *(Acl("worker", "topic", name, ("Describe", "Read" if name in read else "Write")) for name in carried),
        *(Acl("worker", "group", name, ("Read",)) for name in groups),
        # One id per partition: it counts the owners, so that the broker refuses one that was replaced.
        Acl("worker", "transactional-id", f"{settings.app_id}-", ("Describe", "Write"), prefixed=True),
        *(Acl("operator", "topic", name, ("Describe", "DescribeConfigs", "Read")) for name in [*declared, *carried]),
        *(Acl("operator", "group", name, ("Describe",)) for name in groups),
    ]


def as_script(rules: Sequence[Acl]) -> str:
    """A shell script that adds the rules with the tool that comes with Kafka."""
    lines = [
        "#!/bin/sh",
        "# Adds the access rules of workers and operators. Made by `person permissions`; adding them twice changes nothing.",
        "# BOOTSTRAP: address of a broker. ADMIN_CONFIG: properties file of somebody who may change rules.",
        "# WORKER, OPERATOR: principals, such as User:person-worker, or User:CN=worker for client certificates.",
        "set -eu",
        ': "${BOOTSTRAP:?}" "${ADMIN_CONFIG:?}" "${WORKER:?}" "${OPERATOR:?}"',
        "add() {",
        '  kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --force --allow-principal "$@"',
        "}",
        "",
    ]
    for rule in rules:
        operations = " ".join(f"--operation {one}" for one in rule.operations)
        pattern = " --resource-pattern-type prefixed" if rule.prefixed else ""
        lines.append(f'add "${rule.role.upper()}" {operations} --{rule.resource} {rule.name}{pattern}')
    return "\n".join([*lines, ""])
