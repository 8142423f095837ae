"""Diagrams and tables of sagas show every step and nothing that is not one."""

from __future__ import annotations

import re

import pytest

from domain.sagas.catalogue import SAGAS
from domain.sagas.definition import SagaDefinition, Undo
from domain.sagas.diagram import STEP_COLUMNS, diagram, step_rows

ARROW = re.compile(r"    (\[\*\]|\w+) --> (\[\*\]|\w+)(?:: ([^:;]+))?")
ENDS = {"[*]", "Completed", "Compensated", "Failed"}


def names(definition: SagaDefinition) -> set[str]:
    steps = (*definition.steps, *((definition.give_up,) if definition.give_up else ()))
    undone = {f"undo_{step.name}" for step in steps if isinstance(step.undo, Undo)}
    passed_by = {f"{step.name}_unreached" for step in steps} if definition.goes_on else set()
    return {step.name for step in steps} | undone | passed_by


@pytest.mark.parametrize("definition", SAGAS.values(), ids=list(SAGAS))
def test_every_step_and_every_undo_is_reached_and_left(definition: SagaDefinition) -> None:
    first, *lines = diagram(definition).splitlines()
    assert first == "stateDiagram-v2"
    arrows = [ARROW.fullmatch(line) for line in lines]
    assert all(arrows), [line for line, arrow in zip(lines, arrows, strict=True) if arrow is None]
    left = {arrow[1] for arrow in arrows if arrow}
    reached = {arrow[2] for arrow in arrows if arrow}
    assert left - ENDS == reached - ENDS == names(definition)
    assert {"Completed", "Failed"} <= reached


@pytest.mark.parametrize("definition", SAGAS.values(), ids=list(SAGAS))
def test_the_table_has_a_row_for_every_step(definition: SagaDefinition) -> None:
    rows = step_rows(definition)
    assert [row[0].removesuffix(" (pivot)") for row in rows][: len(definition.steps)] == [
        step.name for step in definition.steps
    ]
    assert {len(row) for row in rows} == {len(STEP_COLUMNS)}
    assert not any("|" in cell for row in rows for cell in row)
