"""Every refusal code that this slice can raise is expected by some test."""

import re
from pathlib import Path

from domain.refusals import REFUSAL_CODES
from domain.status import MATRIX, OK

TESTS = Path(__file__).parent
DOMAIN = TESTS.parent.parent / "domain"


def test_every_code_that_can_be_raised_is_expected_by_a_test() -> None:
    sources = "".join(path.read_text() for path in DOMAIN.rglob("*.py"))
    raised = set(re.findall(r'Refused\(\s*"(\w+)"', sources))
    raised |= {verdict for row in MATRIX.values() for verdict in row.values()} - {OK}
    assert len(raised) == 21
    assert raised <= REFUSAL_CODES.keys()
    expected = "".join(path.read_text() for path in TESTS.glob("test_*.py"))
    assert raised <= set(re.findall(r"\w+", expected))
