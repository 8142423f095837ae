"""The sections of the reference on sagas and policies: the commands on them, and their events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any, Final

from domain.command_data.base import CommandSpec
from domain.policies.rule_event_data import RULE_EVENTS
from domain.process_commands import RULE_COMMANDS, SAGA_COMMANDS
from domain.sagas.event_data import SAGA_EVENTS
from ops.contracts import paths
from ops.contracts.documents import documents
from ops.contracts.examples.processes import process_story, rule_event, saga_event
from tests.docs.catalogues import block, fields_of, listed, text_of

REFUSES: Final[Mapping[str, tuple[str, ...]]] = {
    "StartSaga": ("person_not_found", "saga_exists"),
    "SignalSaga": ("saga_not_found",),
    **dict.fromkeys(("CancelSaga", "RetrySaga", "SkipSagaStep", "AbortSaga"), ("saga_not_found", "saga_transition")),
    "RegisterRule": ("version_conflict", "policy_version_exists", "policy_invalid"),
    **dict.fromkeys(("ShadowRule", "ActivateRule"), ("version_conflict", "policy_not_found", "policy_transition")),
    **dict.fromkeys(
        ("SuspendRule", "RetireRule"),
        ("version_conflict", "policy_not_found", "policy_protected", "policy_transition"),
    ),
}
"""Codes beyond those of the envelope with which each command may be refused."""


def commands(catalogue: Mapping[str, CommandSpec]) -> str:
    """Every command of a catalogue with its fields, its refusals and an example."""
    return "\n\n".join(_command(spec) for spec in catalogue.values())


def saga_events() -> str:
    """Every saga event with its fields and an example."""
    return "\n\n".join(
        _event(
            spec.type,
            f"Version {spec.version}, subject `person.sagas.<saga>.{spec.name}`. {text_of(spec.model)}",
            paths.saga_event(spec.type),
            saga_event(spec.name),
        )
        for spec in SAGA_EVENTS.values()
    )


def rule_events() -> str:
    """Every rule event with its fields and an example."""
    return "\n\n".join(
        _event(
            f"person.rule.{name}",
            f"Version 1, subject `person.rules.{name}`. {text_of(model)}",
            paths.rule_event(name),
            rule_event(name),
        )
        for name, model in RULE_EVENTS.items()
    )


def _command(spec: CommandSpec) -> str:
    data = _schemas()[paths.command(spec)]["properties"]["data"]
    example = next(step for step in process_story() if step.path == spec.path)
    return "\n\n".join(
        (
            f"### {spec.name}",
            f"Type and subject: `{spec.type}`. {text_of(spec.model)}",
            fields_of(data, needed=True),
            f"Refuses: {listed(REFUSES[spec.name])}.",
            block(example.message()),
        )
    )


def _event(name: str, head: str, path: str, example: Mapping[str, Any]) -> str:
    table = fields_of(_schemas()[path]["properties"]["data"]) or "It has no data."
    return "\n\n".join((f"### {name}", head, table, block(example)))


_schemas = cache(documents)

PROCESS_SECTIONS: Final[Mapping[str, tuple[str, Callable[[], str]]]] = {
    "commands on sagas": ("commands.md", partial(commands, SAGA_COMMANDS)),
    "commands on policies": ("commands.md", partial(commands, RULE_COMMANDS)),
    "saga events": ("events.md", saga_events),
    "rule events": ("events.md", rule_events),
}
"""Name of a section to its page and the function that makes it."""
