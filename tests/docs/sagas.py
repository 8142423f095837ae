"""The parts of the page on sagas that are made from their definitions: a diagram and a table of the steps for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from domain.sagas.catalogue import SAGAS
from domain.sagas.definition import SagaDefinition
from domain.sagas.diagram import STEP_COLUMNS, diagram, step_rows

PAGE: Final = "../explanation/sagas.md"


def drawn(definition: SagaDefinition) -> str:
    """Diagram and steps of one saga."""
    lines = [STEP_COLUMNS, ["---"] * len(STEP_COLUMNS), *step_rows(definition)]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"```mermaid\n{diagram(definition)}\n```\n\n{table}"


def _drawing_of(definition: SagaDefinition) -> Callable[[], str]:
    return lambda: drawn(definition)


SAGA_SECTIONS: Final[Mapping[str, tuple[str, Callable[[], str]]]] = {
    f"saga {name}": (PAGE, _drawing_of(definition)) for name, definition in SAGAS.items()
}
"""Name of a section to its page and the function that makes it."""
