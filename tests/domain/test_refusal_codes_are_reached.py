"""Every refusal code is raised somewhere, and expected by some test."""

import re
from pathlib import Path

from domain.refusals import REFUSAL_CODES
from domain.status import MATRIX, OK

TESTS = Path(__file__).parent
ROOT = TESTS.parent.parent
SOURCES = (ROOT / "domain", ROOT / "agents")
"""Agents refuse what only they can know: that there is no such saga, and that its key is taken."""


def raised() -> set[str]:
    """Codes in the code and in the status matrix."""
    sources = "".join(path.read_text() for folder in SOURCES for path in folder.rglob("*.py"))
    return set(re.findall(r'(?:Refused|super\(\).__init__)\(\s*"(\w+)"', sources)) | {
        cell for row in MATRIX.values() for cell in row.values()
    }


def test_every_code_is_raised_and_no_other() -> None:
    assert raised() - {OK} | {"invalid_command"} == REFUSAL_CODES.keys()


def test_every_code_is_expected_by_a_test() -> None:
    expected = "".join(path.read_text() for path in TESTS.parent.rglob("test_*.py"))
    assert raised() <= set(re.findall(r"\w+", expected))
