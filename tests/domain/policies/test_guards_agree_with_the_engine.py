"""What guards tell without the engine is what the engine says."""

from typing import Any

import pytest

from domain.components.skill import SkillComponent
from domain.event_data.component import ComponentAdded
from domain.policies.evaluation import evaluate
from domain.policies.guards import guards_of
from domain.policies.names import compile_checked
from domain.policies.registration import check
from tests.domain.policies.documents import document, occasion
from tests.domain.specification import admitted, uuid

TRIGGER = "person.component_added"
SKILL = "event.data.component_type == 'Skill'"
CONDITIONS = {
    SKILL: {("component_type", "Skill")},
    "'Skill' == event.data['component_type']": {("component_type", "Skill")},
    f"{SKILL} && summary.status == 'Active' && event.data.component_id == 'x'": {
        ("component_type", "Skill"),
        ("component_id", "x"),
    },
    f"summary.status > 3 && ({SKILL})": {("component_type", "Skill")},
    f"{SKILL} || true": set(),
    f"!({SKILL})": set(),
    "event.type == 'Skill'": set(),
    "event.data.component_data.name == 'Rust'": set(),
    "event.data.component_type == summary.status": set(),
    "event.data.is_primary == true": set(),
    f"summary.component_types.exists(event, {SKILL})": set(),
}


@pytest.mark.parametrize("condition", CONDITIONS)
def test_guards_are_the_texts_that_a_conjunction_asks_for(condition: str) -> None:
    tree = compile_checked(condition, "send", TRIGGER).tree
    assert set(guards_of(tree.root, "event")) == CONDITIONS[condition]


@pytest.mark.parametrize("component_type", ["Skill", "Tag", "Other"])
@pytest.mark.parametrize("condition", CONDITIONS)
def test_an_excluded_event_is_one_on_which_the_condition_is_false(condition: str, component_type: str) -> None:
    data = admitted(SkillComponent, name="Rust", category="Programming", proficiency="Expert")
    added: Any = ComponentAdded(component_id=uuid("a"), component_type=component_type, component_data=data)
    example = {"component_id": uuid("a"), "component_type": "Skill", "component_data": {"name": "Rust"}}
    told = check(
        document(
            trigger=TRIGGER,
            condition="true",
            command={"type": "person.commands.skills.analyze"},
            examples=[{"event": {"data": example}, "expect": "fires"}],
        )
    )
    asked = occasion(added)
    expression = compile_checked(condition, "send", TRIGGER)
    without = evaluate(told._replace(condition=expression), asked)
    assert (
        evaluate(told._replace(condition=expression, guards=guards_of(expression.tree.root, "event")), asked) == without
    )
