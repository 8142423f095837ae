"""Countries are recognised as address books write them."""

import pytest

from domain.values.countries import COUNTRY_CODES
from ops.importing.countries import country_of


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("de", "DE"),
        (" GB ", "GB"),
        ("UK", "GB"),
        ("usa", "US"),
        ("United States of America", "US"),
        ("DEUTSCHLAND", "DE"),
        ("cote d\u2019ivoire", "CI"),
        ("Åland Islands", "AX"),
        ("日本", "JP"),
        ("The Netherlands", None),
        ("N", None),
        ("", None),
        ("Atlantis", None),
    ],
)
def test_a_country_is_known_by_code_and_name(text: str, code: str | None) -> None:
    found = country_of(text)
    assert (found and found[0]) == code


def test_every_country_has_a_name() -> None:
    names = {code: country_of(code) for code in COUNTRY_CODES}
    assert all(found and found[0] == code and len(found[1]) > 3 for code, found in names.items())
