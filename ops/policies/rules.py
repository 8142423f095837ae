"""Which document a name or a file stands for: `auto-archive`, `auto-archive@2`, or a file that is not registered yet."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from nats.aio.client import Client
from pydantic import JsonValue

from agents.rule_log import read_rule_log
from domain.ids import is_policy_id
from domain.policies.document import Status
from domain.policies.registration import CheckedPolicy, check, compiled
from domain.policies.rule_state import RuleState
from ops.policies.files import read_policy_file

_NAME = re.compile(r"([a-z][a-z0-9-]{2,63})(?:@([0-9]{1,9}))?", re.ASCII)


class UnknownPolicyError(Exception):
    """There is no such policy; the message says what there is."""


class Chosen(NamedTuple):
    """A policy, and the status in which it is registered; None for one out of a file."""

    policy: CheckedPolicy
    status: Status | None


class PolicyName(NamedTuple):
    """A policy, and one of its versions if one is named."""

    policy_id: str
    version: int | None


def parse_name(text: str) -> PolicyName:
    """The policy in ``auto-archive`` or ``auto-archive@2``. Raises UnknownPolicyError."""
    found = _NAME.fullmatch(text)
    if found is None:
        raise UnknownPolicyError(f"{text!r} is no policy: write auto-archive, auto-archive@2, or the path of a file")
    return PolicyName(found[1], int(found[2]) if found[2] else None)


def is_file(text: str) -> bool:
    """Whether a user means a file."""
    return text.endswith((".toml", ".json")) or not is_policy_id(text.partition("@")[0])


async def choose(nc: Client, text: str) -> Chosen:
    """The policy that a user means: of a registered one the version named, else that in force, else the newest.

    Raises UnknownPolicyError, PolicyFileError, and Refused for a document that is not valid.
    """
    if is_file(text):
        return Chosen(checked_file(Path(text)), None)
    name = parse_name(text)
    state = (await read_rule_log(nc, name.policy_id)).state
    version = version_of(state, name)
    held = state.versions[version]
    return Chosen(compiled(held.document), held.status)


def checked_file(path: Path) -> CheckedPolicy:
    """The policy in a file. Raises PolicyFileError, and Refused for a document that is not valid."""
    return check(numbered(read_policy_file(path), 1))


def numbered(document: Mapping[str, JsonValue], version: int) -> dict[str, JsonValue]:
    """The document with a version, if it has none."""
    return {"version": version, **document}


def version_of(state: RuleState, name: PolicyName) -> int:
    """The version that a name means. Raises UnknownPolicyError."""
    if not state.versions:
        raise UnknownPolicyError(f"no policy {name.policy_id!r} is registered; `person policies list` shows what is")
    if name.version is None:
        asked = (state.active, *reversed(state.in_shadow))
        return next((held.document.version for held in asked if held is not None), max(state.versions))
    if name.version not in state.versions:
        known = ", ".join(map(str, sorted(state.versions)))
        raise UnknownPolicyError(f"{name.policy_id} has no version {name.version}; there are: {known}")
    return name.version
