"""Compares what the servers hold and answer with the model: outcomes, the bytes of all events, every table, and queries over all partitions."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from nats.aio.client import Client

from bridge.jetstream import api
from config.streams import EVENTS
from domain.events import write_event
from domain.subjects import event_subject
from ops.client import PersonClient, QueryFailed
from ops.verification import Folded, Verification, compare_persons, compare_statistics, fold, read_all
from tests.system.expected_answers import Expected
from tests.system.model import Model, timeless
from tests.system.population import Sent
from tests.system.questions import find_by_skill_requests, network_requests, search_requests

QUERY_MS = 10_000
OUTCOME_WITHIN_S = 10.0
CONCURRENT = 16
PAGE = 7


def outcomes(sent: Sequence[Sent], answers: Sequence[Sequence[dict[str, Any]]]) -> list[str]:
    """Every answer to every message is what the model says."""
    return [
        f"{_described(one)}: expected {one.expected}, was told {timeless(answer)}"
        for one in sent
        for answer in answers[one.number]
        if timeless(answer) != one.expected
    ]


async def recorded_outcomes(client: PersonClient, model: Model, answers: Iterable[dict[str, Any]]) -> list[str]:
    """Every outcome is kept under its command id, as it was told and as the model says."""
    told = {answer["command_id"]: answer for answer in answers if answer.get("code") != "invalid_command"}
    slots = asyncio.Semaphore(CONCURRENT)

    async def compare(command_id: str, expected: dict[str, Any]) -> str | None:
        async with slots:
            try:
                kept = await _kept(client, command_id)
            except QueryFailed as error:
                return f"outcome of {command_id}: {error.code}"
        if timeless(kept) != expected:
            return f"outcome of {command_id}: expected {expected}, is {timeless(kept)}"
        first = told.get(command_id, kept)
        return None if first == kept else f"outcome of {command_id}: was told {first}, is {kept}"

    found = await asyncio.gather(*(compare(*one) for one in model.outcomes.items()))
    return [one for one in found if one is not None]


async def _kept(client: PersonClient, command_id: str) -> dict[str, Any]:
    """The outcome that is kept; nobody has waited for that of a saga's command, so it may be on its way."""
    deadline = time.monotonic() + OUTCOME_WITHIN_S
    while True:
        try:
            answer = await client.query("get_outcome", {"command_id": command_id}, timeout_ms=QUERY_MS)
        except QueryFailed as error:
            if error.code != "not_found" or time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.1)
        else:
            kept: dict[str, Any] = answer["data"]
            return kept


async def events(nc: Client, model: Model) -> list[str]:
    """JetStream holds the events of the model and nothing else, byte for byte and in the order of each person."""
    stored: dict[str, list[tuple[str, bytes]]] = {}
    for subject, raw in await _stored(nc):
        *kind, _, person_id = subject.split(".")
        stored.setdefault(person_id, []).append((".".join([*kind, person_id]), raw))
    expected = {
        person_id: [(event_subject(event), write_event(event)) for event in of_person]
        for person_id, of_person in model.events.items()
    }
    differences = [f"{person_id}: has events that nobody asked for" for person_id in stored.keys() - expected.keys()]
    for person_id, wanted in expected.items():
        found = stored.get(person_id, [])
        if found != wanted:
            number = next((n for n, (a, b) in enumerate(zip(found, wanted, strict=False)) if a != b), len(wanted))
            differences.append(
                f"{person_id}: {len(found)} events in JetStream, {len(wanted)} expected; the first difference is at"
                f" sequence {number + 1}: {found[number : number + 1]}, expected {wanted[number : number + 1]}"
            )
    return differences


async def positions(nc: Client, answers: Iterable[dict[str, Any]]) -> list[str]:
    """The position of an outcome is that of its last event."""
    at = {event.id: (sequence, event) for _, sequence, event in await read_all(nc)}
    return [
        f"outcome of {answer['command_id']}: its last event is not at {answer['position']}"
        for answer in answers
        if answer["status"] == "accepted"
        and at.get(answer["events"][-1]["id"], (0,))[0] != answer["position"]["stream_sequence"]
    ]


async def tables(client: PersonClient) -> tuple[list[str], dict[str, Folded]]:
    """Every row of every table is what an independent fold of JetStream says; returns that fold too."""
    result, folded = Verification(), dict[str, Folded]()
    fold(await read_all(client.nc), folded, result)
    await compare_persons(client, folded.values(), result, timeout_ms=QUERY_MS)
    await compare_statistics(client, folded.values(), result, timeout_ms=QUERY_MS)
    if result.lost or result.duplicated:
        result.differences.append(f"{result.lost} lost, {result.duplicated} duplicated")
    return result.differences, folded


async def queries(client: PersonClient, expected: Expected, chance: random.Random, *, count: int) -> list[str]:
    """Searches, holders of skills, networks and statistics, `count` random ones of each kind."""
    seen = {"min_position": expected.positions}
    differences: list[str] = []
    for request in search_requests(expected, chance, count):
        rows = await _all_pages(client, "search", {**request, **seen})
        _compare(differences, "search", request, rows, expected.search(request))
    for request in find_by_skill_requests(expected, chance, count):
        rows = await _all_pages(client, "find_by_skill", {**request, **seen})
        _compare(differences, "find_by_skill", request, rows, expected.find_by_skill(request))
    for request in network_requests(expected, chance, count):
        try:
            answer = await client.query("get_network", {**request, **seen}, timeout_ms=QUERY_MS)
            found = {**answer["data"], "redirected_from": answer.get("redirected_from")}
        except QueryFailed as error:
            found = {"code": error.code}
        _compare(differences, "get_network", request, found, expected.network(request))
    for group in ("day", "total"):
        found = (await client.query("get_statistics", {"group": group, **seen}, timeout_ms=QUERY_MS))["data"]
        _compare(differences, "get_statistics", {"group": group}, found, expected.statistics(group))
    return differences


def _compare(differences: list[str], name: str, request: object, found: Any, wanted: Any) -> None:
    if found != wanted:
        differences.append(f"{name} {request}: answered {found}, expected {wanted}")


async def _all_pages(client: PersonClient, name: str, request: dict[str, Any]) -> list[Any]:
    """All rows, page by page."""
    rows: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        answer = await client.query(name, {**request, "limit": PAGE, **cursor}, timeout_ms=QUERY_MS)
        assert "partial" not in answer, answer
        rows += answer["data"]
        if "next" not in answer["page"]:
            return rows
        cursor = {"cursor": answer["page"]["next"]}


async def _stored(nc: Client) -> list[tuple[str, bytes]]:
    last = int((await api(nc, f"STREAM.INFO.{EVENTS}"))["state"]["last_seq"])
    found: list[tuple[str, bytes]] = []
    subscription = await nc.jetstream().subscribe("person.events.>", stream=EVENTS, ordered_consumer=True)
    try:
        while len(found) < last:
            message = await subscription.next_msg(timeout=10)
            found.append((message.subject, message.data))
    finally:
        await subscription.unsubscribe()
    return found


def _described(sent: Sent) -> str:
    document = orjson.loads(sent.asked.raw)
    return f"message {sent.number}, {document.get('type')} {document.get('id')} for {document.get('subject')}"
