"""Registers documents and moves versions, by commands as any client sends them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agents.rule_log import read_rule_log
from domain.policies.registration import check
from domain.policies.rule_state import RuleState
from ops.client import CommandMessage, PersonClient
from ops.policies.files import VERSION, read_policy_file
from ops.policies.rules import PolicyName, UnknownPolicyError, numbered, parse_name, version_of

Outcome = dict[str, Any]


async def applied(client: PersonClient, file: Path, actor: str, timeout_s: float) -> Outcome:
    """Register the document in a file; the outcome, with `policy` and `registered_before` beside what it says.

    Raises PolicyFileError, and Refused for a document that is not valid.
    """
    document = read_policy_file(file)
    policy_id = check(numbered(document, 1)).policy_id
    state = (await read_rule_log(client.nc, policy_id)).state
    same = _registered(state, document)
    if same is not None:
        return _told({"status": "accepted", "command_id": None, "events": []}, policy_id, same) | {
            "registered_before": True
        }
    sent = numbered(document, state.next_version)
    outcome = await _send(client, "register", policy_id, {"document": sent}, actor, timeout_s)
    return _told(outcome, policy_id, check(sent).version)


async def moved(client: PersonClient, verb: str, name: str, actor: str, timeout_s: float) -> Outcome:
    """Move a version to the status that a verb names; the outcome, with `policy` beside it. Raises UnknownPolicyError."""
    asked = parse_name(name)
    state = (await read_rule_log(client.nc, asked.policy_id)).state
    if verb == "retire" and asked.version is None:
        raise UnknownPolicyError(f"retiring is for good: name the version, as in {asked.policy_id}@1")
    newest = verb in ("shadow", "activate") and asked.version is None and state.versions
    version = max(state.versions) if newest else version_of(state, PolicyName(*asked))
    outcome = await _send(client, verb, asked.policy_id, {"version": version}, actor, timeout_s)
    return _told(outcome, asked.policy_id, version)


def _registered(state: RuleState, document: dict[str, Any]) -> int | None:
    """The version in which the same document is registered; the newest, if the document names none."""
    if not state.versions:
        return None
    version = document.get(VERSION, max(state.versions))
    held = state.versions.get(version) if isinstance(version, int) else None
    return version if held and check(numbered(document, version)).document == held.document else None


async def _send(
    client: PersonClient, verb: str, policy_id: str, data: dict[str, Any], actor: str, timeout_s: float
) -> Outcome:
    message = CommandMessage(f"person.commands.rules.{verb}", data, actor=actor, target=policy_id)
    return await client.send(message, timeout_s=timeout_s)


def _told(outcome: Outcome, policy_id: str, version: int) -> Outcome:
    return {**outcome, "policy": f"{policy_id}@{version}"}
