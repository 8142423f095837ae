"""Every refusal code that a command on a person can lead to is raised somewhere, and expected by some test."""

import re
from pathlib import Path

from domain.refusals import REFUSAL_CODES
from domain.status import MATRIX, OK

TESTS = Path(__file__).parent
DOMAIN = TESTS.parent.parent / "domain"
# Commands on sagas and rules are no commands on a person.
OF_SAGAS_AND_RULES = {code for code in REFUSAL_CODES if code.startswith(("saga_", "policy_"))}


def raised() -> set[str]:
    """Codes in the code and in the status matrix."""
    sources = "".join(path.read_text() for path in DOMAIN.rglob("*.py"))
    return set(re.findall(r'Refused\(\s*"(\w+)"', sources)) | {cell for row in MATRIX.values() for cell in row.values()}


def test_every_code_is_raised_and_no_other() -> None:
    assert raised() - {OK} | {"invalid_command"} == REFUSAL_CODES.keys() - OF_SAGAS_AND_RULES


def test_every_code_is_expected_by_a_test() -> None:
    expected = "".join(path.read_text() for path in TESTS.glob("test_*.py"))
    assert raised() <= set(re.findall(r"\w+", expected))
