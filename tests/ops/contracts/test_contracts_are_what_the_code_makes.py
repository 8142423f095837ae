"""The committed contracts: equal to what the code makes, valid, compatible with what was released, and true of their examples."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner
from jsonschema import Draft7Validator, Draft202012Validator

from config.topics import TABLES
from domain.commands import COMMANDS
from domain.components.catalogue import COMPONENT_TYPES
from domain.event_catalogue import EVENTS
from domain.event_data.policy import SkillsAnalyzed
from domain.events import read_event, write_event
from domain.policies.registration import check
from domain.policies.rule_event_data import RULE_EVENTS
from domain.policies.rule_events import read_rule_event, rule_event_subject, write_rule_event
from domain.process_commands import PROCESS_COMMANDS, read_process_command
from domain.sagas.event_data import SAGA_EVENTS
from domain.sagas.saga_events import read_saga_event, saga_event_subject, write_saga_event
from domain.subjects import EventSubject
from domain.views.component_views import render_views
from domain.views.network import render_network
from domain.views.search import render_search
from domain.views.skills import recommended_by, render_skills
from domain.views.statistics import DayStatistics, change_of
from domain.views.summary import render_summary
from domain.views.timeline import timeline_entry
from ops.cli import main
from ops.contracts import folder, paths
from ops.contracts.asyncapi import asyncapi
from ops.contracts.examples.components import COMPONENTS
from ops.contracts.examples.processes import (
    DOCUMENT,
    POLICY,
    RULE_EVENT_DATA,
    SAGA_EVENT_DATA,
    process_story,
    rule_event,
    saga_event,
)
from ops.contracts.examples.queries import REQUESTS
from ops.contracts.examples.story import story
from ops.contracts.examples.told import BEGIN, told
from ops.contracts.json_schema import Schema
from ops.contracts.rows import ROWS
from queries.endpoints import ENDPOINTS
from tests.ops.contracts.conftest import Check

CONTRACTS = Path(__file__).parents[3] / "contracts"
OFFICIAL = Path(__file__).parent / "official" / "asyncapi-3.0.0.json"
KEPT_FOR_THE_APPLICATION = {"outcomes", "persons", "policies", "quarantine", "sagas"}


def test_the_committed_contracts_are_what_the_code_makes() -> None:
    assert folder.differences(CONTRACTS) == [], "write them again with `person contracts`"


def test_nothing_that_was_released_is_broken() -> None:
    assert folder.broken(CONTRACTS) == []


def test_a_schema_was_released_for_everything_that_is_sent_or_kept(schemas: Mapping[str, Schema]) -> None:
    assert folder.released(CONTRACTS).keys() <= schemas.keys()
    for spec in EVENTS.values():
        assert paths.event(spec) in schemas
    assert set(ROWS) == set(TABLES) - KEPT_FOR_THE_APPLICATION


def test_the_verb_writes_what_differs_and_nothing_twice(tmp_path: Path) -> None:
    runner = CliRunner()
    target = tmp_path / "contracts"

    written = runner.invoke(main, ["contracts", "--folder", str(target), "--json"])
    again = runner.invoke(main, ["contracts", "--folder", str(target), "--json"])
    stale = target / "schemas" / "commands" / "rest.json"
    stale.write_text("{}")
    (target / "asyncapi.json").write_text("{}")
    checked = runner.invoke(main, ["contracts", "--folder", str(target), "--check", "--json"])
    runner.invoke(main, ["contracts", "--folder", str(target)])

    assert len(json.loads(written.stdout)["data"]["changed"]) > 100
    assert json.loads(again.stdout)["data"] == {"changed": [], "broken": []}
    assert checked.exit_code == 1
    assert json.loads(checked.stdout)["data"]["changed"] == ["asyncapi.json", "schemas/commands/rest.json"]
    assert not stale.exists()
    assert (target / "asyncapi.json").read_bytes() == (CONTRACTS / "asyncapi.json").read_bytes()


def test_a_release_that_breaks_the_last_one_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "contracts"
    kept = target / "released" / "commands" / "rest.json"
    kept.parent.mkdir(parents=True)
    kept.write_text("{}")

    refused = CliRunner().invoke(main, ["contracts", "--folder", str(target), "--release"])

    assert refused.exit_code == 1
    assert "commands/rest.json: was removed" in refused.stdout
    assert kept.exists()


def test_every_schema_is_valid(schemas: Mapping[str, Schema]) -> None:
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)


def test_the_document_is_valid_under_the_official_schema_and_its_references_lead_somewhere() -> None:
    document = json.loads((CONTRACTS / "asyncapi.json").read_text())

    Draft7Validator(json.loads(OFFICIAL.read_text())).validate(document)
    for pointer in references(document):
        if pointer.startswith("./"):
            assert (CONTRACTS / pointer).exists()
        else:
            part = document
            for name in pointer.removeprefix("#/").split("/"):
                part = part[name]


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        part = list(part.values())
    if isinstance(part, list):
        for one in part:
            yield from references(one)


def test_personal_fields_are_marked_with_their_group_in_events_and_in_the_commands_that_bring_them(
    schemas: Mapping[str, Schema],
) -> None:
    def marks(path: str) -> dict[str, str]:
        fields = schemas[path]["properties"]["data"]["properties"]
        return {name: part["x-personal"] for name, part in fields.items() if "x-personal" in part}

    assert marks("events/person.created.json") == {"name": "identity"}
    assert marks("commands/create.json") == {"name": "identity", "birth_date": "identity"}
    assert marks("commands/lifecycle.suspend.json") == {"reason": "profile"}
    by_type = {"component_data": "as its type", "tags": "as its type", "custom_fields": "as its type"}
    assert marks("events/person.component_added.json") == by_type
    assert schemas["components/BehavioralData.json"]["x-personal"] == "behaviour"


def test_every_example_of_the_document_satisfies_its_schema(faults: Check) -> None:
    found = []
    for message in asyncapi()["components"]["messages"].values():
        for example in message.get("examples", ()):
            found += faults(message["payload"]["$ref"].removeprefix("./schemas/"), example["payload"])

    assert found == []


def test_every_command_event_component_type_and_query_occurs_in_the_examples(faults: Check) -> None:
    assert {step.type for step in story()} == set(COMMANDS)
    assert {step.type for step in process_story()} == set(PROCESS_COMMANDS)
    assert {event.type for event in told().log} == set(EVENTS)
    assert {f"person.saga.{name}" for name in SAGA_EVENT_DATA} == set(SAGA_EVENTS)
    assert set(RULE_EVENT_DATA) == set(RULE_EVENTS)
    assert set(COMPONENTS) == set(COMPONENT_TYPES)
    assert set(REQUESTS) == set(ENDPOINTS)


def test_every_event_of_the_examples_satisfies_its_schema_and_is_read_and_written_as_it_is(faults: Check) -> None:
    for event in told().log:
        raw = write_event(event)
        assert faults(paths.event(event.spec), orjson.loads(raw)) == []
        subject = str(EventSubject(event.spec.context, event.spec.name, event.person_id, 3))
        assert write_event(read_event(raw, subject=subject)) == raw


def test_every_event_of_a_saga_or_a_rule_in_the_examples_is_read_and_written_as_it_is() -> None:
    for name in SAGA_EVENT_DATA:
        raw = orjson.dumps(saga_event(name), option=orjson.OPT_SORT_KEYS)
        event = read_saga_event(raw)
        again = read_saga_event(write_saga_event(event), subject=saga_event_subject(event))
        assert again == event
        assert orjson.loads(raw)["data"].items() <= orjson.loads(write_saga_event(event))["data"].items()
    for name in RULE_EVENTS:
        rule = read_rule_event(orjson.dumps(rule_event(name)), subject=rule_event_subject(name, POLICY))
        assert read_rule_event(write_rule_event(rule)) == rule


def test_every_process_command_of_the_examples_is_read() -> None:
    for step in process_story():
        command = read_process_command(orjson.dumps(step.message()), subject=step.type, stored_at=BEGIN)
        assert command.target == step.target or command.name == "StartSaga"
    assert check(DOCUMENT).document.policy_id == POLICY


def test_every_row_of_the_examples_satisfies_its_schema(faults: Check) -> None:
    position = {"partition": 3, "stream_sequence": 1042}
    found, seen = [], set()
    for person in told().persons.values():
        recommended = [
            recommended_by(event.data)
            for event in told().log
            if event.person_id == person.person_id and isinstance(event.data, SkillsAnalyzed)
        ]
        rows = {
            "summary": render_summary(person),
            "search": render_search(person),
            "skills": render_skills(person, recommended[-1] if recommended else []),
            "network": render_network(person),
            "views": render_views(person),
        }
        for table, row in rows.items():
            if row is not None:
                seen.add(table)
                found += faults(paths.row(table), {**row, "sequence": person.version, "position": position})
    for event in told().log:
        found += faults(paths.row("timeline"), {**timeline_entry(event), "position": position})

    assert found == []
    assert seen == set(ROWS) - {"timeline", "statistics"}


def test_the_counts_of_a_day_satisfy_their_schema(faults: Check) -> None:
    day = DayStatistics()
    created = told().log[0]
    before = told().persons[created.person_id].new(created.person_id)
    day.add(change_of(before, created, told().persons[created.person_id]))

    row = {"day": "2026-11-23", **day.row(), "position": {"partition": 3, "stream_sequence": 7}}

    assert faults(paths.row("statistics"), row) == []


@pytest.mark.parametrize("name", COMPONENT_TYPES)
def test_the_example_of_a_component_type_is_stored_as_its_schema_says(name: str, faults: Check) -> None:
    stored = COMPONENT_TYPES[name].admit(COMPONENTS[name])

    assert (
        faults(paths.component(name), orjson.loads(orjson.dumps(stored.model_dump(mode="json", exclude_none=True))))
        == []
    )
