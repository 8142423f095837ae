"""E-mail addresses, phone numbers, hours, zones and addresses on the web."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from domain.values.email import EmailAddress
from domain.values.hours import HourRange, TimeZone
from domain.values.phone import PhoneNumber
from domain.values.rules import fold, graphemes
from domain.values.url import Url


@pytest.mark.parametrize(
    ("given", "address"),
    [
        (" Ada@Example.ORG ", "ada@example.org"),
        ("ada.lovelace+tag@example.co.uk", "ada.lovelace+tag@example.co.uk"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"),
        ("用户@例子.广告", "用户@xn--fsqu00a.xn--4rr70v"),
        ("jose\u0301@example.org", "josé@example.org"),
        ("a" * 64 + "@example.org", "a" * 64 + "@example.org"),
        ("ada@example。org", "ada@example.org"),
    ],
)
def test_an_address_has_one_form(given: Any, address: Any) -> None:
    assert EmailAddress(address=given).address == address
    assert EmailAddress(address=address).address == address


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ("ada", "email_at_sign"),
        ("ada@@example.org", "email_at_sign"),
        ("@example.org", "email_local_length"),
        ("a" * 65 + "@example.org", "email_local_length"),
        ("é" * 33 + "@example.org", "email_local_length"),
        (".ada@example.org", "email_local_part"),
        ("ada..l@example.org", "email_local_part"),
        ('"ada"@example.org', "email_local_part"),
        ("a da@example.org", "email_local_part"),
        ("😀@example.org", "email_local_part"),
        ("ada@localhost", "email_domain"),
        ("ada@example.o", "email_domain"),
        ("ada@example.org.", "email_domain"),
        ("ada@-example.org", "email_domain"),
        ("ada@exa_mple.org", "email_domain"),
        ("ada@[127.0.0.1]", "email_domain"),
        ("ada@" + ".".join(["a" * 60] * 5) + ".org", "email_domain"),
        ("ada@", "email_domain"),
    ],
)
def test_what_is_no_address_is_refused_with_its_rule(given: Any, rule: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        EmailAddress(address=given)
    assert refused.value.errors()[0]["type"] == rule


@pytest.mark.parametrize(
    ("given", "code", "number"),
    [
        ("+49 (30) 123-456.78", None, "+493012345678"),
        ("0049 30 12345678", None, "+493012345678"),
        ("030 12345678", "49", "+493012345678"),
        ("030 12345678", "+49", "+493012345678"),
        ("06 1234 5678", "39", "+390612345678"),
        ("+49\u00a030\u201312345678", "49", "+493012345678"),
        ("+1234567", None, "+1234567"),
    ],
)
def test_a_number_has_one_form(given: Any, code: Any, number: Any) -> None:
    assert PhoneNumber.admit({"number": given, "country_calling_code": code}).number == number


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"number": "030 12345678"}, "phone_country_missing"),
        ({"number": "+0301234567"}, "phone_number"),
        ({"number": "+123456"}, "phone_number"),
        ({"number": "+1234567890123456"}, "phone_number"),
        ({"number": "+49 CALL ME"}, "phone_number"),
        ({"number": "+٤٩١٢٣٤٥٦٧"}, "phone_number"),
        ({"number": ""}, "phone_country_missing"),
        ({"number": "030 1234567", "country_calling_code": "0"}, "phone_calling_code"),
        ({"number": "+49301234567", "country_calling_code": "44"}, "phone_calling_code"),
        ({"number": "030 1234567", "country_calling_code": 49}, "phone_calling_code"),
        ({"number": "+49301234567", "extension": "12a"}, "phone_extension"),
        ({"number": "+49301234567", "extension": "12345678"}, "phone_extension"),
        ({"number": 49301234567}, "string_type"),
        ({}, "missing"),
    ],
)
def test_what_is_no_number_is_refused_with_its_rule(fields: Any, rule: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        PhoneNumber.admit(fields)
    assert refused.value.errors()[0]["type"] == rule


@pytest.mark.parametrize(("start", "end"), [(8, 8), (9, 8), (-1, 3), (0, 24)])
def test_hours_are_ordered(start: Any, end: Any) -> None:
    with pytest.raises(ValidationError, match="hour_range"):
        HourRange(start=start, end=end)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Argentina/Buenos_Aires", "UTC", "Etc/GMT+5"])
def test_a_time_zone_has_an_iana_name(zone: Any) -> None:
    assert TypeAdapter(TimeZone).validate_python(zone) == zone


@pytest.mark.parametrize("zone", ["Berlin", "europe/berlin", "+02:00", "Europe/../etc"])
def test_other_names_are_no_time_zone(zone: Any) -> None:
    with pytest.raises(ValidationError, match="time_zone"):
        TypeAdapter(TimeZone).validate_python(zone)


@pytest.mark.parametrize("url", ["https://example.org", "http://[::1]:8080/a?b=c#d", "https://bücher.example/"])
def test_a_web_address_is_absolute(url: Any) -> None:
    assert TypeAdapter(Url).validate_python(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "example.org",
        "//example.org",
        "ftp://example.org",
        "https://",
        "https://ada@example.org",
        "https://example.org/a b",
        "https://[::1",
        "https://example.org:x",
        "https://example.org/" + "a" * 2048,
    ],
)
def test_other_texts_are_no_web_address(url: Any) -> None:
    with pytest.raises(ValidationError, match="url"):
        TypeAdapter(Url).validate_python(url)


def test_text_is_counted_as_a_reader_counts_it() -> None:
    assert [graphemes(text) for text in ("", "abc", "e\u0301", "नि", "\u0301")] == [0, 3, 1, 1, 1]


def test_text_keys_ignore_case_and_compatibility() -> None:
    assert fold("Straße ＡＢＣ") == fold("STRASSE abc")
