"""Languages, countries, money, places, periods and quiet hours."""

from datetime import date
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from domain.values.address import GeoPoint
from domain.values.countries import COUNTRY_CODES, CountryCode
from domain.values.hours import QuietHours
from domain.values.language import LanguageTag
from domain.values.money import CURRENCIES, Money
from domain.values.period import Period


@pytest.mark.parametrize(
    ("given", "tag"),
    [
        ("en", "en"),
        ("EN-gb", "en-GB"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("sr-latn", "sr-Latn"),
        ("es-419", "es-419"),
        ("zh-cmn-hans-cn", "zh-cmn-Hans-CN"),
        ("sl-rozaj-biske-1994", "sl-rozaj-biske-1994"),
        ("de-ch-1901", "de-CH-1901"),
        ("de-DE-u-co-phonebk", "de-DE-u-co-phonebk"),
        ("ar-a-aaa-b-bbb", "ar-a-aaa-b-bbb"),
        ("x-whatever-AB", "x-whatever-ab"),
        ("en-x-US", "en-x-us"),
        ("i-klingon", "i-klingon"),
        ("haw", "haw"),
    ],
)
def test_a_language_tag_has_one_form(given: str, tag: str) -> None:
    adapter: TypeAdapter[str] = TypeAdapter(LanguageTag)
    assert adapter.validate_python(given) == tag
    assert adapter.validate_python(tag) == tag


@pytest.mark.parametrize(
    "text",
    [
        "",
        "e",
        "english language",
        "en_GB",
        "en-",
        "-en",
        "en--GB",
        "de-419-DE",
        "a-DE",
        "ar-a-aaa-a-bbb",
        "sl-rozaj-rozaj",
        "en-é",
        "x",
        "en-x",
        "123",
    ],
)
def test_other_texts_are_no_language_tag(text: str) -> None:
    with pytest.raises(ValidationError, match="language_tag"):
        TypeAdapter(LanguageTag).validate_python(text)


def test_countries_and_currencies_are_those_of_the_standards() -> None:
    assert len(COUNTRY_CODES) == 249
    assert {"DE", "GB", "TW", "XX", "UK", "EU"} & COUNTRY_CODES == {"DE", "GB", "TW"}
    assert {"EUR", "JPY", "XCG", "ZWG", "DEM", "HRK", "BTC"} & CURRENCIES == {"EUR", "JPY", "XCG", "ZWG"}
    with pytest.raises(ValidationError, match="country_code"):
        TypeAdapter(CountryCode).validate_python("de")


@pytest.mark.parametrize("amount", ["0", "-12.50", "123456789012345678.123456789"])
def test_an_amount_is_a_decimal_text(amount: str) -> None:
    assert Money(amount=amount, currency="EUR").amount == amount


@pytest.mark.parametrize("amount", ["", "1,50", "01", "1.", ".5", "1e3", "+1", "NaN", "1234567890123456789", "٣"])
def test_other_texts_are_no_amount(amount: str) -> None:
    with pytest.raises(ValidationError, match="amount"):
        Money(amount=amount, currency="EUR")


@pytest.mark.parametrize("point", [(91, 0), (-90.5, 0), (0, 180.01), (float("nan"), 0)])
def test_a_point_is_on_the_globe(point: Any) -> None:
    with pytest.raises(ValidationError, match="range"):
        GeoPoint(latitude=point[0], longitude=point[1])


def test_an_accuracy_is_finite() -> None:
    with pytest.raises(ValidationError, match="range"):
        GeoPoint(latitude=0, longitude=0, accuracy_meters=float("inf"))


def period(start: int, end: int | None) -> Period:
    return Period(start=date(2026, 1, start), end=end and date(2026, 1, end))


def test_both_ends_belong_to_a_period_and_an_open_one_goes_on() -> None:
    assert [period(2, 4).contains(date(2026, 1, day)) for day in (1, 2, 4, 5)] == [False, True, True, False]
    assert period(2, None).contains(date(9999, 1, 1))
    assert period(2, 2).contains(date(2026, 1, 2))
    with pytest.raises(ValidationError, match="before_start"):
        period(4, 3)


@pytest.mark.parametrize(
    ("one", "other", "overlaps"),
    [
        (period(1, 3), period(3, 5), True),
        (period(1, 2), period(3, 5), False),
        (period(1, None), period(3, 5), True),
        (period(6, None), period(3, 5), False),
        (period(6, None), period(9, None), True),
    ],
)
def test_periods_overlap_when_they_share_a_day(one: Period, other: Period, overlaps: bool) -> None:
    assert one.overlaps(other) is overlaps
    assert other.overlaps(one) is overlaps


def test_quiet_hours_may_run_past_midnight() -> None:
    assert QuietHours(start=22, end=7).end == 7
    for start, end in ((7, 7), (24, 1), (0, -1)):
        with pytest.raises(ValidationError, match="hour_range"):
            QuietHours(start=start, end=end)
