"""The compatibility gate: deliberately broken schemas are found, with field and rule; harmless changes pass."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from domain.commands import COMMANDS
from domain.event_catalogue import EVENTS
from domain.process_commands import RULE_COMMANDS
from ops.contracts import paths
from ops.contracts.compatibility import ASKED_FOR, breaches
from ops.contracts.documents import documents
from ops.contracts.folder import has_upcaster
from ops.contracts.json_schema import Schema

CREATED = paths.event(EVENTS["person.created"])
ADDED = paths.event(EVENTS["person.employment_added"])
COMPONENT_ADDED = paths.event(EVENTS["person.component_added"])
SUSPEND = paths.command(COMMANDS["person.commands.lifecycle.suspend"])
AWARD = paths.command(COMMANDS["person.commands.identity.award_title"])
GET = paths.request("get_by_id")
ROW = paths.row("skills")
SUMMARY = paths.row("summary")
REPLY = paths.reply("find_path")
RECORD = paths.command(COMMANDS["person.commands.identity.record_attribute"])
RETIRE = paths.command(RULE_COMMANDS["person.commands.rules.retire"])
FAILED = paths.saga_event("person.saga.step_failed")

Change = Callable[[dict[str, Schema]], Any]


def data(of: dict[str, Schema], path: str) -> Any:
    return of[path]["properties"]["data"]


def field(of: dict[str, Schema], path: str, name: str) -> Any:
    return data(of, path)["properties"][name]


all_documents = cache(documents)


def found(change: Change, upcaster: bool = False) -> list[tuple[str, str, str]]:
    released = all_documents()
    current = copy.deepcopy(released)
    change(current)
    return [(*one,) for one in breaches(released, current, lambda *_: upcaster)]


def renamed(of: dict[str, Schema]) -> None:
    fields = data(of, CREATED)["properties"]
    fields["origin"] = fields.pop("source")
    data(of, CREATED)["required"] = ["name", "origin"]


BREAKING: dict[str, tuple[Change, tuple[str, str, str]]] = {
    "an event type that is gone": (lambda of: of.pop(CREATED), (CREATED, "", "was removed")),
    "a command that is gone": (lambda of: of.pop(SUSPEND), (SUSPEND, "", "was removed")),
    "a field of an event that is gone": (
        lambda of: data(of, CREATED)["properties"].pop("import_id"),
        (CREATED, "data.import_id", "was removed or renamed"),
    ),
    "a field of an event with another name": (renamed, (CREATED, "data.source", "was removed or renamed")),
    "a field that an event needs from now on": (
        lambda of: data(of, CREATED)["required"].append("source_system"),
        (CREATED, "data.source_system", "is newly required"),
    ),
    "a field that an event may lack from now on": (
        lambda of: data(of, CREATED)["required"].remove("source"),
        (CREATED, "data.source", "is no longer always there"),
    ),
    "a value that an event may no longer have": (
        lambda of: field(of, ADDED, "employment_type")["enum"].remove("FullTime"),
        (ADDED, "data.employment_type", "values were removed: FullTime"),
    ),
    "another type of a field": (
        lambda of: field(of, CREATED, "onboarding").update(type="string"),
        (CREATED, "data.onboarding", "the type changed or was narrowed"),
    ),
    "a pattern that a stored value may break": (
        lambda of: field(of, CREATED, "source").update(pattern="^[a-z]+$"),
        (CREATED, "data.source", "pattern changed or was added"),
    ),
    "a rule in a value object that events hold": (
        lambda of: of[CREATED]["$defs"]["PersonName"]["properties"]["given_names"].update(maxItems=4),
        (CREATED, "data.name.given_names", "maxItems was lowered"),
    ),
    "a rule in the data of one component type": (
        lambda of: of[COMPONENT_ADDED]["$defs"]["SkillComponent"]["required"].append("last_used"),
        (COMPONENT_ADDED, "data.component_data.last_used", "is newly required"),
    ),
    "an event under another subject": (
        lambda of: of[CREATED].update({"x-subject": "person.events.lifecycle.born"}),
        (CREATED, "x-subject", "a subject never changes"),
    ),
    "a field of a saga event that is gone": (
        lambda of: data(of, FAILED)["properties"].pop("cause"),
        (FAILED, "data.cause", "was removed or renamed"),
    ),
    "a field that a command on a policy needs from now on": (
        lambda of: data(of, RETIRE)["required"].append("reason"),
        (RETIRE, "data.reason", "is newly required"),
    ),
    "a version that rose without a way up": (
        lambda of: of[CREATED].update({"x-dataversion": 4}),
        (CREATED, "x-dataversion", "rose to 4, and version 3 has no upcaster"),
    ),
    "a version that fell": (
        lambda of: of[CREATED].update({"x-dataversion": 2}),
        (CREATED, "x-dataversion", "fell from 3 to 2"),
    ),
    "a field that a command needs from now on": (
        lambda of: data(of, AWARD)["required"].append("awarded_date"),
        (AWARD, "data.awarded_date", "is newly required"),
    ),
    "a field that a command no longer takes": (
        lambda of: data(of, AWARD)["properties"].pop("issuing_authority"),
        (AWARD, "data.issuing_authority", "was removed or renamed"),
    ),
    "a shorter text in a command": (
        lambda of: field(of, SUSPEND, "reason").update(maxLength=100),
        (SUSPEND, "data.reason", "maxLength was lowered"),
    ),
    "a field that a query no longer takes": (
        lambda of: of[GET]["properties"].pop("as_of_time"),
        (GET, "as_of_time", "was removed or renamed"),
    ),
    "a column that is gone": (
        lambda of: of[ROW]["properties"].pop("total_endorsements"),
        (ROW, "total_endorsements", "was removed or renamed"),
    ),
    "a column that may be missing from now on": (
        lambda of: of[ROW]["required"].remove("status"),
        (ROW, "status", "is no longer always there"),
    ),
    "a field of a reply that is gone": (
        lambda of: of[REPLY]["$defs"]["Path"]["properties"].pop("hops"),
        (REPLY, "data.hops", "was removed or renamed"),
    ),
    "a form of a row that readers do not know": (
        lambda of: of[SUMMARY]["anyOf"].append({"type": "string"}),
        (SUMMARY, "", "an alternative was added or widened"),
    ),
    "a form of a value that a command no longer takes": (
        lambda of: of[RECORD]["$defs"]["ObservedAttribute"]["properties"]["value"]["anyOf"].pop(),
        (RECORD, "data.attribute.value", "an alternative was removed or narrowed"),
    ),
    "a column of another type": (
        lambda of: of[ROW]["properties"]["total_endorsements"].update(type="string"),
        (ROW, "total_endorsements", "the type changed"),
    ),
}


@pytest.mark.parametrize("name", BREAKING)
def test_a_breaking_change_is_found_with_its_field_and_rule(name: str) -> None:
    change, expected = BREAKING[name]

    assert expected in found(change)


def raised(of: dict[str, Schema]) -> None:
    of[CREATED]["x-dataversion"] = 4
    renamed(of)


HARMLESS: dict[str, Change] = {
    "nothing": lambda of: None,
    "an optional field of an event": lambda of: data(of, CREATED)["properties"].update(nickname={"type": "string"}),
    "a further value of an event": lambda of: field(of, ADDED, "employment_type")["enum"].append("Seasonal"),
    "an optional field of a command": lambda of: data(of, SUSPEND)["properties"].update(until={"type": "string"}),
    "a field that a command no longer needs": lambda of: data(of, SUSPEND)["required"].remove("reason"),
    "a longer text in a command": lambda of: field(of, SUSPEND, "reason").update(maxLength=9000),
    "a further column": lambda of: of[ROW]["properties"].update(rank={"type": "integer"}),
    "other words": lambda of: of[CREATED].update(description="Somebody is there."),
    "a form of a row that is shown to those only who ask for it": lambda of: of[SUMMARY]["anyOf"].append(
        {"type": "string", ASKED_FOR: "text"}
    ),
    "a further command": lambda of: of.update({"commands/rest.json": of[SUSPEND]}),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_a_change_that_breaks_nobody_passes(name: str) -> None:
    assert found(HARMLESS[name]) == []


def test_an_event_may_change_its_shape_with_a_new_version_and_a_way_up() -> None:
    assert found(raised, upcaster=True) == []
    assert [rule for _, _, rule in found(raised)] == ["rose to 4, and version 3 has no upcaster"]


def test_every_old_version_of_the_catalogue_that_the_domain_reads_counts_as_having_a_way_up() -> None:
    assert has_upcaster("person.created", 1)
    assert has_upcaster("person.created", 2)
    assert not has_upcaster("person.created", 9)
    assert not has_upcaster("person.unheard_of", 1)
