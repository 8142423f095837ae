"""An onboarding on real servers, with neighbours that answer: `person trace` draws every hop of it from JetStream, also once the commands are
gone, and the same hops arrive at a collector as one trace."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bridge.jetstream import api
from config import streams
from config.settings import Settings
from domain.ids import saga_id_of
from domain.status import Status
from local.neighbours.faults import Behaviour
from local.neighbours.running import run_neighbours
from local.stack import Endpoints
from ops.cli import main
from ops.client import CommandMessage, PersonClient
from ops.workers import Worker
from tests.agents.saga_watch import until_saga
from tests.tracing.receiver import ReceivedSpan, Receiver, receiving

Row = dict[str, Any]

pytestmark = pytest.mark.slow

ONBOARDING = ("create", "--name", "Ada Lovelace", "--data", '{"onboarding": true}')
STORED = {"command", "event", "saga event", "request", "answer"}
"""Kinds of hops that have spans of their own."""
ASKER = "c" * 16
NOBODY = "0190c8a2-7b1e-4c3d-9a4f-00000000ffff"


async def test_every_hop_of_an_onboarding_is_drawn_and_exported(
    own_servers: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving() as collector:
        for name, value in {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "PERSON_TRACES": "true",
            "PERSON_NATS_URL": own_servers.nats_url,
            "PERSON_KAFKA_BOOTSTRAP": own_servers.kafka_bootstrap,
        }.items():
            monkeypatch.setenv(name, value)
        worker = Worker(
            "traced",
            nats_url=own_servers.nats_url,
            kafka_bootstrap=own_servers.kafka_bootstrap,
            data=tmp_path / "worker",
            logs=tmp_path / "logs",
        )
        worker.start()
        ended = asyncio.Event()
        neighbours = asyncio.create_task(run_neighbours(own_servers.nats_url, Behaviour(), lambda _: None, ended))
        try:
            await asyncio.to_thread(worker.await_ready)
            sent = await asyncio.to_thread(_person, "send", *ONBOARDING, "--json")
            created = json.loads(sent)["data"]
            async with PersonClient(Settings().nats) as client:
                saga_id = saga_id_of(f"onboarding:{created['person_id']}:1")
                await until_saga(client.nc, saga_id, _waits_for("BasicInfoStep"))
                drawn = await _all_visible(created["command_id"])
                await _ask(client, drawn)
                of_saga = await _traced(saga_id)
                text = await asyncio.to_thread(_run, created["command_id"])
                of_event = await _traced("--person", created["person_id"], "--event", "2")
                refused = await client.send(
                    CommandMessage("person.commands.onboarding.complete", {}, created["person_id"])
                )
                asked = await _traced(refused["command_id"], "--ask")
                unknown = await asyncio.to_thread(CliRunner().invoke, main, ["trace", NOBODY])
                await api(client.nc, f"STREAM.PURGE.{streams.COMMANDS}")
                named = await _traced(created["command_id"])
        finally:
            ended.set()
            await neighbours
            worker.ask_to_end()
            await asyncio.to_thread(worker.await_end)

    _assert_every_hop(drawn, created["command_id"])
    assert _ids(of_saga) >= {row["id"] for row in _rows(drawn) if row["kind"] == "saga event"}
    assert [line.split("]")[-1].strip() for line in text.splitlines() if "]" in line] == [
        row["id"] for row in _rows(drawn)
    ]
    assert _ids(of_event) == _ids(drawn)
    assert [(row["kind"], row["outcome"]) for row in _rows(asked)] == [("command", f"refused {refused['code']}")]
    assert (unknown.exit_code, "no stream holds a message" in unknown.output) == (1, True)
    _assert_named(drawn, named)
    _assert_exported(drawn, collector)


async def _ask(client: PersonClient, drawn: Row) -> None:
    """Search, in the trace that is drawn, for what the index holds of it by then; and subscribe, which the end of the worker ends."""
    [trace_id] = drawn["trace_ids"]
    positions = [
        {"partition": row["partition"], "stream_sequence": row["stream_sequence"]}
        for row in _rows(drawn)
        if row["kind"] == "event"
    ]
    asked = {"text": "Lovelace", "filters": {"status": list(Status)}, "min_position": positions}
    headers = {"traceparent": f"00-{trace_id}-{ASKER}-01"}
    found = await client.query("search", asked, timeout_ms=5000, headers=headers)
    assert [hit["display_name"] for hit in found["data"]] == ["Ada Lovelace"]
    await client.query("subscribe", {"projection": "summary"})


def _waits_for(step: str) -> Callable[[list[Row]], bool]:
    return lambda events: any(
        one["type"] == "person.saga.step_started" and one["data"]["step"] == step for one in events
    )


async def _all_visible(wanted: str) -> Row:
    """The flow once the positions tell, which are written every second, that all of it is in the tables."""
    async with asyncio.timeout(60):
        while True:
            found = await _traced(wanted)
            events = [row for row in _rows(found) if row["kind"] in ("event", "saga event")]
            if events and all(row.get("visible") for row in events):
                return found
            await asyncio.sleep(0.1)


async def _traced(*wanted: str) -> Row:
    found = json.loads(await asyncio.to_thread(_run, *wanted, "--json"))
    assert found["status"] == "ok", found
    data: Row = found["data"]
    return data


def _run(*arguments: str) -> str:
    return _person("trace", *arguments)


def _person(*arguments: str) -> str:
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    return done.output


def _rows(found: Row) -> Iterator[Row]:
    waiting = list(found["messages"])
    while waiting:
        row = waiting.pop(0)
        yield row
        waiting = [*row["effects"], *waiting]


def _ids(found: Row) -> set[str]:
    return {row["id"] for row in _rows(found)}


def _path(found: Row, *types: str) -> Row:
    """The message at the end of a chain of causes, by types."""
    rows = found["messages"]
    row: Row = {}
    for one in types:
        row = next((row for row in rows if row["type"] == one), {})
        assert row, f"no {one} among {[row['type'] for row in rows]}"
        rows = row["effects"]
    return row


def _assert_every_hop(found: Row, command_id: str) -> None:
    assert found["faults"] == []
    [root] = found["messages"]
    assert (root["id"], root["stream"], root["outcome"]) == (command_id, streams.COMMANDS, "accepted")
    begun = ("person.commands.create", "person.onboarding_started", "person.saga.started")
    started = _path(found, "person.commands.create", "person.onboarding_started")
    assert started["visible"]
    events = {row["type"] for row in started["effects"]}
    assert {"person.saga.started", "person.saga.step_started"} <= events, begun
    asked = _path(
        found,
        "person.commands.create",
        "person.onboarding_started",
        "person.saga.step_started",
        "identity.commands.request_verification",
    )
    assert (asked["kind"], asked["stream"]) == ("request", streams.OUTBOUND)
    [answer] = [row for row in asked["effects"] if row["kind"] == "answer"]
    [adapter] = answer["effects"]
    assert (adapter["type"], adapter["outcome"]) == ("person.commands.onboarding.verify_identity", "accepted")
    # The same of the location: behind what completed the step before, and so on to the step that waits for people.
    steps = [row["detail"] for row in _rows(found) if row["type"] == "person.saga.step_started"]
    assert [detail.split()[0] for detail in steps] == ["IdentityStep", "LocationStep", "BasicInfoStep"]
    for row in _rows(found):
        assert all(effect["after_ms"] >= row["after_ms"] for effect in row["effects"]), row["type"]


def _assert_named(found: Row, named: Row) -> None:
    """Without the stream of commands, each is still in its place, but for those that left no trace at all."""
    causes = {row["id"]: row["causation"] for row in _rows(named)}
    for row in _rows(found):
        if row["id"] in causes:
            assert causes[row["id"]] == row["causation"], row
        else:
            assert (row["kind"], row["effects"]) == ("command", []), row
    assert all("stream" not in row for row in _rows(named) if row["kind"] == "command")
    assert {row["id"] for row in _rows(found) if row["kind"] == "command" and row["effects"]} <= causes.keys()


def _assert_exported(found: Row, collector: Receiver) -> None:
    [trace_id] = found["trace_ids"]
    spans = [one for one in collector.spans if one.trace_id == trace_id]
    by_id = {one.span_id: one for one in spans}
    assert len(by_id) == len(spans)
    assert {one.service for one in spans} == {"person", "person-cli"}
    for row in _rows(found):
        if row["kind"] not in STORED:
            continue
        of_message = [one for one in collector.of_message(row["id"]) if one.trace_id == trace_id]
        steps = {one.name.split()[0] for one in of_message if not one.name.startswith("index ")}
        # A request ends in its stream: other domains read it there.
        expected = {"publish"} if row["kind"] == "request" else {"publish", "send", "process"}
        assert steps == expected, (row["type"], steps)
    roots = [one for one in spans if not one.parent_id]
    assert [(one.service, one.name) for one in roots] == [("person-cli", "publish PERSON_COMMANDS")]
    assert all(one.parent_id in by_id for one in spans if one.parent_id not in ("", ASKER))
    _assert_read_models(spans, collector)
    for one in spans:
        if one.name.startswith("process "):
            assert one.attributes["messaging.system"] == "kafka"
            assert one.attributes["messaging.destination.partition.id"].isdigit()
            [(cycle_trace, cycle_id)] = one.links
            [cycle] = [batch for batch in collector.spans if batch.span_id == cycle_id]
            assert (cycle.trace_id, cycle.name) == (cycle_trace, f"process batch {one.name.split()[1]}")
            assert (trace_id, one.parent_id) in cycle.links
            assert cycle.events == ["durable"]
    agents = {one.name for one in collector.spans if one.name.startswith(("fold_", "project_", "decide_"))}
    assert {"fold_persons", "project_summary", "decide_person", "fold_sagas"} <= agents
    text = repr(collector.spans)
    assert "Ada" not in text
    assert "Lovelace" not in text


def _assert_read_models(spans: list[ReceivedSpan], collector: Receiver) -> None:
    by_id = {one.span_id: one for one in collector.spans}
    [question] = [one for one in spans if one.name == "query search"]
    assert (question.parent_id, question.attributes["person.query.rows"]) == (ASKER, 1)
    assert {one.name for one in spans if one.parent_id == question.span_id} == {"read search_hits"}
    assert [one.attributes["person.subscription.ending"] for one in by_id.values() if "subscription" in one.name]
    for topic in ("person.events", "person.sagas"):
        indexed = [one for one in spans if one.name == f"index {topic}"]
        assert indexed
        for one in indexed:
            assert by_id[one.parent_id].name == f"process {topic}"
            [(_, batch_id)] = one.links
            assert by_id[batch_id].name == f"index batch {topic}"
            assert (one.trace_id, one.parent_id) in by_id[batch_id].links
