"""The policies that come with the product: registered and put in force when a worker starts, unless somebody has decided otherwise.

Guarantee: each version is registered once, however many workers start. A newer version takes the place of a shipped one that is active;
a policy that an operator has suspended, retired, put into shadow or replaced by a version of their own stays as it is."""

from __future__ import annotations

import asyncio
import logging
import tomllib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from nats.aio.client import Client

import config
from agents.rule_log import RuleLog, append_rule_events, read_rule_log
from domain.canonical import encode
from domain.envelope import SPEC_VERSION
from domain.ids import NS, derive
from domain.policies.rule_events import RuleEvent
from domain.policies.rule_state import RuleState, decide_rule, evolve_rule
from domain.process_commands import ProcessCommand, read_process_command
from domain.refusals import Refused

logger = logging.getLogger(__name__)

FOLDER: Final = Path(config.__file__).with_name("policies")
SHIPPED_BY: Final = "system:shipped-policies"
"""Actor of what is registered here; it tells a shipped version from one of an operator."""


def shipped_documents() -> list[dict[str, Any]]:
    """The documents that come with this release, by policy and version."""
    documents = [tomllib.loads(path.read_text()) for path in FOLDER.glob("*.toml")]
    return sorted(documents, key=lambda one: (one["policy_id"], one["version"]))


async def register_shipped(nc: Client, documents: Iterable[Mapping[str, Any]]) -> None:
    """Register and activate the documents that are due. Raises what the servers' client raises."""
    for document in documents:
        try:
            while not await _is_settled(nc, document):
                # Another worker that started at the same moment was faster.
                pass
        except Refused as refused:
            name = f"{document['policy_id']}@{document['version']}"
            logger.error("shipped policy %s is not registered: %s %s", name, refused.code, refused.facts)


async def _is_settled(nc: Client, document: Mapping[str, Any]) -> bool:
    log = await read_rule_log(nc, document["policy_id"])
    if not _is_due(log, document["version"]):
        return True
    now = datetime.now(UTC)
    state, events = log.state, []
    for command in (
        _command("register", document, {"document": document}, now),
        _command("activate", document, {"version": document["version"]}, now),
    ):
        for event in await asyncio.to_thread(decide_rule, command, state):
            state = evolve_rule(state, event)
            events.append(event)
    return await append_rule_events(nc, log, events)


def _is_due(log: RuleLog, version: int) -> bool:
    known = max(log.state.versions, default=0)
    if version <= known:
        return False
    if version > known + 1:
        logger.error("shipped policy %s@%s does not follow version %s", log.state.policy_id, version, known)
        return False
    return not known or (_status(log.state, known) == "active" and _shipped(log.events, known))


def _status(state: RuleState, version: int) -> str:
    return state.versions[version].status


def _shipped(events: Iterable[RuleEvent], version: int) -> bool:
    return any(
        event.name == "registered" and event.version == version and event.actor == SHIPPED_BY for event in events
    )


def _command(verb: str, document: Mapping[str, Any], data: Mapping[str, Any], now: datetime) -> ProcessCommand:
    command_type = f"person.commands.rules.{verb}"
    policy_id, version = document["policy_id"], document["version"]
    raw = encode(
        {
            "specversion": SPEC_VERSION,
            "id": derive(NS, f"shipped:{policy_id}@{version}:{verb}"),
            "type": command_type,
            "source": "/person/worker",
            "subject": policy_id,
            "time": now,
            "actor": SHIPPED_BY,
            "data": data,
        }
    )
    return read_process_command(raw, subject=command_type, stored_at=now)
