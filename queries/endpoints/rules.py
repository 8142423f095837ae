"""list_rules: registered policies, their status, and what they have decided, summed over all partitions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from domain.ids import is_policy_id
from domain.policies.document import Status
from queries.endpoint import Ask, Endpoint, Read
from queries.frame import Answer, Query
from queries.indexed import processes_of
from queries.tables_of_worker import WorkerTables

LATEST = 20
"""Decisions that are told of each version."""


def _policy_id(text: str) -> str:
    if not is_policy_id(text):
        raise ValueError("must be the name of a policy: a small letter, then small letters, digits and hyphens")
    return text


class ListRules(Query):
    """list_rules: versions of policies by status or name, with their counters."""

    status: tuple[Status, ...] = Field((), max_length=5)
    policy_id: Annotated[str, AfterValidator(_policy_id)] | None = None
    with_decisions: bool = False


async def list_rules(ask: Ask, query: ListRules) -> Answer:
    """One row per version, by policy and version, as the worker knows them that has heard least: what is active there is so everywhere.

    Counters leave out partitions that did not answer.
    """
    gathered = await ask.reachable(COUNTERS, query)
    slowest = min(gathered.found, key=lambda found: int(found.data["heard"]))
    rules = (await ask.one(RULES, slowest.position["partition"], query)).data
    counts: dict[str, Counter[str]] = {}
    latest: dict[str, list[Any]] = {}
    for found in gathered.found:
        for name, row in found.data["counters"].items():
            counts.setdefault(name, Counter()).update(row["counts"])
            latest.setdefault(name, []).extend(row["latest"])
    rows = []
    for rule in rules:
        name = f"{rule['policy_id']}@{rule['version']}"
        told = {**rule, "counters": dict(sorted(counts.get(name, {}).items()))}
        if query.with_decisions:
            told["decisions"] = sorted(latest.get(name, ()), key=_when, reverse=True)[:LATEST]
        rows.append(told)
    return Answer(rows, [found.position for found in gathered.found], silent=gathered.silent)


async def _rules(tables: WorkerTables, _: int, query: ListRules) -> Any:
    book = processes_of(tables).rules
    unusable = {(one.policy_id, one.version): one.reason for one in book.unusable}
    return [
        {
            "policy_id": policy_id,
            "version": version,
            "title": held.document.title,
            "status": held.status,
            "effect": held.document.effect,
            "trigger": held.document.trigger,
            "protected": held.document.protected,
            "unusable": unusable.get((policy_id, version)),
            "document": held.document.model_dump(mode="json", exclude_none=True),
        }
        for policy_id, state in sorted(book.states.items())
        if query.policy_id in (None, policy_id)
        for version, held in sorted(state.versions.items())
        if not query.status or held.status in query.status
    ]


async def _counters(tables: WorkerTables, partition: int, query: ListRules) -> Any:
    rows = tables.policies.rows(partition)
    counters = {
        name: {"counts": row.counts, "latest": row.latest if query.with_decisions else []}
        for name, row in rows.items()
        if query.policy_id in (None, name.partition("@")[0])
    }
    return {"heard": processes_of(tables).rules.stream_sequence, "counters": counters}


def _when(decision: Mapping[str, Any]) -> str:
    return str(decision["at"])


RULES = Read("rules", ListRules, _rules)
COUNTERS = Read("policy_counters", ListRules, _counters)
ENDPOINT = Endpoint("list_rules", ListRules, list_rules, (RULES, COUNTERS))
