"""The parts of the reference that are made from the code, and where they stand in the pages.

`python -m tests.docs.generated` writes them again; the tests compare them."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from config.settings import Settings
from domain.commands import COMMANDS
from domain.refusals import FAILURE_CODES, QUERY_ERROR_CODES, REFUSAL_CODES
from domain.status import COLUMNS, MATRIX, OK
from ops.output import EXIT_CODES
from tests.docs.catalogues import CATALOGUES
from tests.docs.limits import LIMIT_SECTIONS
from tests.docs.neighbours import NEIGHBOUR_SECTIONS
from tests.docs.processes import PROCESS_SECTIONS
from tests.docs.sagas import SAGA_SECTIONS

ROOT: Final = Path(__file__).parents[2]
REFERENCE: Final = ROOT / "docs" / "reference"
PACKAGES: Final = (
    "agents",
    "bridge",
    "config",
    "connections",
    "domain",
    "lanes",
    "local",
    "ops",
    "queries",
    "tables",
    "tracing",
    "wiring",
)


def settings_table() -> str:
    """Every setting by the name of its environment variable."""
    return _table(
        ("Setting", "Default", "Rule", "Meaning"),
        (
            (f"`PERSON_{name.upper()}`", f"`{field.default}`", _rule(field.metadata), field.description or "")
            for name, field in Settings.model_fields.items()
        ),
    )


def exit_codes() -> str:
    """Every exit code of the `person` command."""
    return _table(("Code", "Meaning"), ((f"`{code}`", meaning) for code, meaning in EXIT_CODES.items()))


def refusal_codes() -> str:
    """Every refusal code, its meaning and whether this version answers with it."""
    return _codes(REFUSAL_CODES, ("domain", "agents"))


def failure_codes() -> str:
    """Every failure code."""
    return _codes(FAILURE_CODES, ("agents",))


def query_error_codes() -> str:
    """Every code of a query error."""
    return _codes(QUERY_ERROR_CODES, ("queries",))


def status_matrix() -> str:
    """What the status of a person says to each command."""
    return _table(
        ("Command", *COLUMNS),
        ((spec.name, *(_verdict(MATRIX[spec.name][column]) for column in COLUMNS)) for spec in COMMANDS.values()),
    )


def guarantees() -> str:
    """The guarantee of each module in the words of its docstring, under the path of the module."""
    return "\n\n".join(f"### `{path}`\n{text}" for path, text in _guarantees())


SECTIONS: Final[Mapping[str, tuple[str, Callable[[], str]]]] = {
    "settings": ("settings.md", settings_table),
    "exit codes": ("cli.md", exit_codes),
    "refusal codes": ("refusal-codes.md", refusal_codes),
    "failure codes": ("refusal-codes.md", failure_codes),
    "query error codes": ("refusal-codes.md", query_error_codes),
    "status matrix": ("commands.md", status_matrix),
    "guarantees": ("guarantees.md", guarantees),
    **CATALOGUES,
    **NEIGHBOUR_SECTIONS,
    **SAGA_SECTIONS,
    **PROCESS_SECTIONS,
    **LIMIT_SECTIONS,
}
"""Name of a section to its page and the function that makes it."""


def written(name: str) -> str:
    """A section as it stands in its page."""
    page = (REFERENCE / SECTIONS[name][0]).read_text()
    start, end = _markers(name)
    return page.split(start)[1].split(end)[0].strip("\n")


def main() -> None:
    """Write every section into its page."""
    for name, (file, make) in SECTIONS.items():
        page = (REFERENCE / file).read_text()
        start, end = _markers(name)
        before, rest = page.split(start)
        (REFERENCE / file).write_text(f"{before}{start}\n{make()}\n{end}{rest.split(end)[1]}")
        sys.stdout.write(f"{name}: docs/reference/{file}\n")


def _markers(name: str) -> tuple[str, str]:
    return f"<!-- generated: {name} -->", f"<!-- end: {name} -->"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _rule(metadata: Sequence[object]) -> str:
    bounds = (("ge", "at least"), ("gt", "above"), ("le", "at most"))
    found = ((words, getattr(limit, name, None)) for name, words in bounds for limit in metadata)
    return ", ".join(f"{words} {bound}" for words, bound in found if bound is not None)


def _verdict(verdict: str) -> str:
    return "ok" if verdict == OK else f"`{verdict}`"


def _codes(codes: Mapping[str, str], packages: Sequence[str]) -> str:
    used = _texts(packages)
    return _table(
        ("Code", "Meaning", "In use"),
        ((f"`{code}`", meaning, "yes" if code in used else "not yet") for code, meaning in codes.items()),
    )


def _texts(packages: Sequence[str]) -> set[str]:
    """The texts that stand in the code of some packages, the lists of codes themselves left out."""
    return {
        node.value
        for path in _modules(packages)
        if path.name != "refusals.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def _guarantees() -> Iterator[tuple[str, str]]:
    for path in _modules(PACKAGES):
        docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
        if "Guarantee" in docstring:
            text = docstring[docstring.index("Guarantee") :]
            yield str(path.relative_to(ROOT)), " ".join(text.split())


def _modules(packages: Sequence[str]) -> list[Path]:
    return [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]


if __name__ == "__main__":
    main()
