"""The page of policies names every field, variable, fact, fault, verdict, status, event and shipped policy; its guide can be followed."""

from __future__ import annotations

import re
import tomllib
from typing import get_args

import pytest
from pydantic import BaseModel

from agents.shipped_policies import shipped_documents
from domain.policies.cost import MAX_PATTERN, MAX_STEPS, USUAL
from domain.policies.document import MAX_EXAMPLES, CommandTemplate, PolicyDocument, PolicyExample, Status
from domain.policies.evaluation import Verdict
from domain.policies.expression import COSTS, FAULTS, MAX_TEXT
from domain.policies.facts import FACTS
from domain.policies.occasion import CAUSE_FIELDS, ON_COMMANDS, ON_EVENTS
from domain.policies.registration import check
from domain.policies.rule_event_data import RULE_EVENTS
from domain.policies.rule_state import MOVES
from tests.docs.generated import REFERENCE, ROOT
from tests.docs.test_reference_is_complete import fields, first_cells, section

PAGE = (REFERENCE / "policies.md").read_text()
GUIDE = (ROOT / "docs" / "how-to" / "write-a-policy.md").read_text()


def tables(heading: str) -> list[set[str]]:
    """The first cells of each table below a heading."""
    return [found for block in section(PAGE, heading).split("\n\n") if (found := first_cells(block))]


@pytest.mark.parametrize(
    ("heading", "model"),
    [("## Document", PolicyDocument), ("## Command", CommandTemplate), ("## Example", PolicyExample)],
)
def test_every_field_is_documented_and_no_other(heading: str, model: type[BaseModel]) -> None:
    assert tables(heading) == [fields(model)]


def test_every_variable_and_fact_is_documented_and_no_other() -> None:
    variables, facts = tables("## Expressions")[:2]
    assert variables == {*ON_EVENTS, *ON_COMMANDS}
    assert facts == set(FACTS)
    assert all(meaning in PAGE for meaning in FACTS.values())
    assert all(f"`{name}`" in section(PAGE, "## Expressions") for name in CAUSE_FIELDS)


def test_every_bound_is_the_documented_one_and_every_rule_of_cost_is_named() -> None:
    text = section(PAGE, "### Bounds")
    for number in (MAX_TEXT, MAX_STEPS, USUAL.longest, USUAL.values, MAX_PATTERN):
        assert f"{number:,}" in text
    assert USUAL.text == 16 * 1024
    assert f"1 to {MAX_EXAMPLES} occasions" in PAGE
    assert all(f"`{rule}`" in text for rule in COSTS)


def test_every_verdict_and_fault_is_documented_and_no_other() -> None:
    verdicts, faults = tables("## Verdicts")
    assert (verdicts, faults) == (set(get_args(Verdict)), set(FAULTS))
    assert all(meaning in PAGE for meaning in FAULTS.values())


def test_every_move_and_event_is_documented_and_no_other() -> None:
    rows = re.findall(r"^\| ([a-z, ]+) \| `rules\.(\w+)` \| (\w+)", section(PAGE, "## Statuses"), re.MULTILINE)
    documented = {f"{verb.title()}Rule": (frozenset(start.split(", ")), to) for start, verb, to in rows}
    assert documented.pop("RegisterRule") == (frozenset({"none"}), "draft")
    assert documented == {name: (move.start, move.to) for name, move in MOVES.items()}
    assert set(get_args(Status)) == {move.to for move in MOVES.values()} | {"draft"}
    [events] = tables("## Events")
    assert events == set(RULE_EVENTS)
    told = section(PAGE, "## Events")
    assert all(f"`{name}`" in told for model in RULE_EVENTS.values() for name in fields(model))


def test_every_shipped_policy_is_documented_with_its_trigger() -> None:
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| `([a-z._]+)` \|", section(PAGE, "## Shipped policies"), re.MULTILINE))
    assert rows == {one["policy_id"]: one["trigger"] for one in shipped_documents()}


def test_the_documents_of_the_guide_can_be_registered() -> None:
    blocks = re.findall(r"^ *```toml\n(.*?)^ *```$", GUIDE, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        document = tomllib.loads(block)
        condition = " ".join(document["condition"].split())
        assert check({"version": 1, **document, "condition": condition}).version == 1
