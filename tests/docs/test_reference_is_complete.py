"""The reference names everything that exists, and nothing that does not."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import click
import pytest
from pydantic import BaseModel

from agents.containment import cause_of
from agents.quarantine import WAITING
from agents.redrive import DISCARDED
from agents.translating import UNRESOLVED
from bridge import headers
from bridge.dead_letters import DeadLetter, DeadLetters
from bridge.ingress_route import declared_consumers
from config import streams, topics
from config.settings import Settings
from domain.commands import COMMANDS
from domain.components.catalogue import COMPONENT_TYPES
from domain.event_catalogue import EVENTS
from domain.outcomes import Outcome
from domain.policies.rule_event_data import RULE_EVENTS
from domain.process_commands import RULE_COMMANDS, SAGA_COMMANDS
from domain.sagas.event_data import SAGA_EVENTS
from domain.undecodable import Cause
from ops.cli import main
from ops.installation import routes_of
from queries.endpoints import ENDPOINTS
from queries.frame import Query
from tests.docs.generated import REFERENCE, ROOT, SECTIONS, written

FIELD_ROW = re.compile(r"^\| (`[^|]+`) \|", re.MULTILINE)
CODE = re.compile(r"`([^`]+)`")
LETTER_WRITERS = ("ModelAgent", "RenderingAgent", "TranslateNeighbour")
"""Base classes of agents that write dead letters for them."""


VERBS = {
    " ".join((name, *part)): found
    for name, verb in main.commands.items()
    for part, found in (
        [((sub,), of) for sub, of in verb.commands.items()] if isinstance(verb, click.Group) else [((), verb)]
    )
}
"""Every verb by its words behind `person`."""


def page(name: str) -> str:
    return (REFERENCE / name).read_text()


def section(text: str, heading: str) -> str:
    """A section from its heading to the next one of its level or above."""
    level = heading.split()[0]
    _, found, rest = text.partition(f"\n{heading}\n")
    assert found, f"no heading {heading!r}"
    return re.split(rf"\n#{{1,{len(level)}}} ", rest)[0]


def headings(text: str, level: str) -> list[str]:
    return re.findall(rf"^{level} (.+)$", text, re.MULTILINE)


def first_cells(text: str) -> set[str]:
    """The names in the first cells of the tables of a text."""
    return {name for cell in FIELD_ROW.findall(text) for name in CODE.findall(cell)}


def fields(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


@pytest.mark.parametrize("name", SECTIONS)
def test_a_generated_section_equals_the_code(name: str) -> None:
    made = SECTIONS[name][1]()

    assert written(name) == made, "write it again with `python -m tests.docs.generated`"


def test_every_setting_is_documented_and_no_other() -> None:
    documented = set(re.findall(r"`(PERSON_[A-Z_]+)`", page("settings.md")))

    assert documented == {f"PERSON_{name.upper()}" for name in Settings.model_fields} | {"PERSON_CACHE"}


def test_every_name_with_the_prefix_of_settings_exists(all_pages: Mapping[Path, str]) -> None:
    exist = {f"PERSON_{name.upper()}" for name in Settings.model_fields} | {"PERSON_CACHE"}
    exist |= {declared["name"] for declared in streams.streams(8, 1)}

    for path, text in all_pages.items():
        if path == ROOT / "docs" / "domain.md":
            continue  # it specifies more than this version has
        assert set(re.findall(r"\bPERSON_[A-Z_]*[A-Z]\b", text)) - {"PERSON_ID", "PERSON_MODELS"} <= exist, path


def test_every_verb_and_option_is_documented_and_no_other() -> None:
    text = page("cli.md")

    assert set(headings(text, "###")) == {f"person {name}" for name in VERBS}
    for name, verb in VERBS.items():
        documented = first_cells(section(text, f"### person {name}"))
        options = [parameter for parameter in verb.params if isinstance(parameter, click.Option)]
        assert documented == {flag for option in options for flag in (*option.opts, *option.secondary_opts)}, name


def test_every_default_of_an_option_is_the_documented_one() -> None:
    for name, verb in VERBS.items():
        rows = dict(re.findall(r"^\| (`--[^|]+`) \| ([^|]+) \|", section(page("cli.md"), f"### person {name}"), re.M))
        for option in verb.params:
            if isinstance(option, click.Option) and option.show_default and not option.is_flag:
                assert rows[f"`{option.opts[0]}`"] == f"`{option.default}`", f"{name} {option.opts[0]}"


def test_every_endpoint_and_field_is_documented_and_no_other() -> None:
    text = page("queries.md")
    frame = fields(Query)

    assert set(headings(section(text, "## The endpoints"), "###")) == set(ENDPOINTS)
    assert first_cells(section(text, "## Frame")) >= frame
    for name, endpoint in ENDPOINTS.items():
        documented = first_cells(section(text, f"### {name}"))
        assert documented == fields(endpoint.request) - frame, name


def test_every_stream_and_setting_is_documented() -> None:
    text = section(page("streams.md"), "## JetStream streams")
    declared = streams.streams(8, 1)

    assert {name for name in first_cells(text) if name.startswith("PERSON_")} == {one["name"] for one in declared}
    for one in declared:
        assert all(f"`{subject}`" in text for subject in one["subjects"]), one["name"]
        assert set(one) - {"name", "subjects"} <= first_cells(text), one["name"]


def test_every_consumer_and_setting_is_documented() -> None:
    text = section(page("streams.md"), "## Consumers")
    named = first_cells(text)

    for stream, consumer in declared_consumers(routes_of(Settings(partitions=3)), 3):
        assert re.sub(r"-\d+$", "-<p>", consumer["durable_name"]) in named
        assert f"`{stream}`" in text
        assert set(consumer) <= named


def test_every_topic_and_setting_is_documented_and_no_other_topic() -> None:
    text = section(page("streams.md"), "## Kafka topics")
    declared = topics.declared_by(Settings())

    assert {name for name in first_cells(text) if name.startswith("person")} == {topic.name for topic in declared}
    for topic in declared:
        assert set(topic.settings) <= first_cells(text), topic.name


def test_every_header_of_ingress_is_documented_and_no_other() -> None:
    text = section(page("streams.md"), "## Kafka headers")

    assert first_cells(text) == {headers.STREAM, headers.SUBJECT, headers.SEQUENCE, headers.STORED}


def test_every_table_is_documented_and_no_other() -> None:
    text = page("tables.md")

    assert set(headings(text, "##")) == set(topics.TABLES)
    assert first_cells(text.split("\n## ")[0]) == set(topics.TABLES)


def test_every_command_and_field_is_documented_and_no_other() -> None:
    text = page("commands.md")

    assert set(headings(section(text, "## The commands"), "###")) == {spec.name for spec in COMMANDS.values()}
    for spec in COMMANDS.values():
        found = section(text, f"### {spec.name}")
        assert f"`{spec.type}`" in found
        assert first_cells(found) == fields(spec.model), spec.name


def test_every_command_on_a_saga_or_a_policy_is_documented_and_no_other() -> None:
    text = page("commands.md")

    for heading, catalogue in (("sagas", SAGA_COMMANDS), ("policies", RULE_COMMANDS)):
        listed = section(text, f"## Commands on {heading}")
        assert set(headings(listed, "###")) == {spec.name for spec in catalogue.values()}
        for spec in catalogue.values():
            found = section(text, f"### {spec.name}")
            assert f"`{spec.type}`" in found
            assert first_cells(found) == fields(spec.model), spec.name


def test_every_event_of_sagas_and_policies_is_documented_and_no_other() -> None:
    text = page("events.md")

    assert set(headings(section(text, "## Saga events"), "###")) == set(SAGA_EVENTS)
    assert set(headings(section(text, "## Rule events"), "###")) == {f"person.rule.{name}" for name in RULE_EVENTS}
    for spec in SAGA_EVENTS.values():
        assert first_cells(section(text, f"### {spec.type}")) == fields(spec.model), spec.type


def test_every_component_type_and_field_is_documented_and_no_other() -> None:
    text = page("components.md")

    assert set(headings(section(text, "## The types"), "###")) == set(COMPONENT_TYPES)
    for name, model in COMPONENT_TYPES.items():
        assert first_cells(section(text, f"### {name}")) == fields(model), name


def test_every_event_and_field_is_documented_and_no_other() -> None:
    text = page("events.md")

    assert set(headings(section(text, "## The events"), "###")) == set(EVENTS)
    for name, spec in EVENTS.items():
        found = section(text, f"### {name}")
        assert f"Version {spec.version}, subject `person.events.{spec.context}.{spec.name}`" in found, name
        assert first_cells(found) == fields(spec.model), name


def test_every_field_of_an_outcome_is_documented_and_no_other() -> None:
    text = page("outcomes.md").split("\n## ")[0]

    assert first_cells(text) == fields(Outcome)


class Recording:
    """Stands for a NATS connection and keeps what is stored."""

    max_payload = 1 << 20

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}

    async def request(self, subject: str, data: bytes, *, headers: dict[str, str], timeout: float) -> Recording:
        self.headers = headers
        return self

    data = b'{"seq": 1}'


async def test_every_header_of_a_dead_letter_is_documented_and_no_other() -> None:
    recording: Any = Recording()
    await DeadLetters(recording, "person.dlq").store(DeadLetter("c", "s", 1, "subject", "cause", "reason", b""))

    assert first_cells(section(page("dead-letters.md"), "## Headers")) == set(recording.headers)


def test_every_cause_and_consumer_of_dead_letters_is_documented_and_no_other() -> None:
    text = page("dead-letters.md")
    causes = {*get_args(Cause), *cause_of(ValueError())[:1], WAITING, DISCARDED, UNRESOLVED}
    consumers = set()
    for path in sorted((ROOT / "agents").glob("*.py")):
        source = path.read_text()
        calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
        called = {getattr(call.func, "id", getattr(call.func, "attr", "")): call for call in calls}
        writing = [call for call in calls if getattr(call.func, "id", "") in ("dead_letter", "DeadLetter")]
        for call in writing:
            cause = next((keyword.value for keyword in call.keywords if keyword.arg == "cause"), None)
            cause = call.args[3] if len(call.args) > 3 else cause
            causes |= {str(cause.value)} if isinstance(cause, ast.Constant) else set()
        name = re.search(r'^(?:    name|NAME) = "(\w+)"', source, re.MULTILINE)
        consumers |= (
            {name[1]}
            if name
            and (
                writing
                or {"ward", "CommandIntake"} & called.keys()
                or any(f"({base})" in source for base in LETTER_WRITERS)
            )
            else set()
        )

    assert first_cells(section(text, "## Causes")) == causes
    assert first_cells(section(text, "## Consumers")) == consumers


def test_every_page_of_a_worker_is_documented_and_no_other() -> None:
    served = re.findall(r'@app\.page\("(/[\w/]+)"\)', (ROOT / "queries" / "pages.py").read_text())

    assert served
    assert headings(page("http.md"), "##") == served


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "adr"
    pages = {path.name for path in folder.glob("0*.md")}

    assert set(re.findall(r"\]\((0[^)]+)\)", (folder / "README.md").read_text())) == pages
    for name in pages:
        assert headings((folder / name).read_text(), "##") == ["Context", "Decision", "Consequences"], name


def test_the_readme_counts_what_there_is() -> None:
    counts = dict(re.findall(r"^\| (\w+) \| (\d+)", (ROOT / "README.md").read_text(), re.MULTILINE))

    assert counts == {
        "Commands": str(len(COMMANDS)),
        "Events": str(len(EVENTS)),
        "Components": str(len(COMPONENT_TYPES)),
        "Queries": str(len(ENDPOINTS)),
    }


def test_every_rule_of_the_domain_is_documented() -> None:
    sources = "".join(path.read_text() for path in sorted((ROOT / "domain").rglob("*.py")))
    rules = set(re.findall(r"""\bbroken\("(\w+)"\)""", sources))

    assert len(rules) > 40
    assert rules <= first_cells(section(page("refusal-codes.md"), "## Rules"))


def test_every_refusal_that_a_command_lists_is_a_code() -> None:
    known = first_cells(section(page("refusal-codes.md"), "## Refusal codes"))
    listed = " ".join(re.findall(r"Refuses: (.+?)\n\n", page("commands.md"), re.DOTALL))
    words = set(CODE.findall(re.sub(r"\([^)]*\)", "", listed)))

    assert len(words) >= 8
    assert words <= known
