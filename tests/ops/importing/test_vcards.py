"""vCards as real software writes them become plans of commands."""

import uuid
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from domain.commands import Command
from domain.ids import NS, derive
from ops.importing.plan import ImportSourceError, PlannedCommand, PlannedPerson, Rejected
from ops.importing.vcards import plan_vcards

EXAMPLES = Path(__file__).parents[3] / "examples"
Plan = Callable[..., list[Any]]
UID = "b204620f-7288-39e8-8146-df99a6327d84"


def card(*lines: str, version: str = "4.0", end: str = "\r\n") -> str:
    return end.join(("BEGIN:VCARD", f"VERSION:{version}", *lines, "END:VCARD", ""))


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    def plan_text(*cards: str | bytes) -> list[PlannedPerson | Rejected]:
        file = tmp_path / "book.vcf"
        file.write_bytes(b"".join(text if isinstance(text, bytes) else text.encode() for text in cards))
        return list(plan_vcards(file))

    return plan_text


def components(person: PlannedPerson | Rejected, component_type: str) -> list[dict[str, Any]]:
    assert isinstance(person, PlannedPerson)
    added = [command.data for command in person.commands[1:]]
    return [data["data"] for data in added if data["component_type"] == component_type]


def create(person: PlannedPerson | Rejected) -> dict[str, Any]:
    assert isinstance(person, PlannedPerson)
    return person.commands[0].data


def people(planned: Iterator[PlannedPerson | Rejected]) -> list[PlannedPerson]:
    return [person for person in planned if isinstance(person, PlannedPerson)]


@pytest.mark.parametrize(
    ("file", "planned", "rejected"),
    [("contacts.vcf", 26, 1), ("address-book.vcf", 14, 1), ("old-phone.vcf", 6, 0), ("faulty.vcf", 5, 12)],
)
def test_every_example_card_is_planned_or_rejected(file: str, planned: int, rejected: int) -> None:
    results = list(plan_vcards(EXAMPLES / file))
    assert sum(isinstance(result, PlannedPerson) for result in results) == planned
    assert sum(isinstance(result, Rejected) for result in results) == rejected


def test_the_edge_reads_every_planned_command(read_at_edge: Callable[[PlannedCommand], Command]) -> None:
    for person in people(plan_vcards(EXAMPLES)):
        for planned in person.commands:
            read = read_at_edge(planned)
            assert (read.id, read.person_id) == (planned.command_id, planned.person_id)


def test_reading_the_examples_twice_gives_the_same_plan_and_no_id_twice() -> None:
    first, second = list(plan_vcards(EXAMPLES)), list(plan_vcards(EXAMPLES))
    assert first == second
    ids = [command.command_id for person in people(iter(first)) for command in person.commands]
    assert len(ids) == len(set(ids))


def test_faulty_cards_are_rejected_with_a_reason_that_shows_nothing_personal() -> None:
    reasons = {
        (result.source_ref, result.reason)
        for result in plan_vcards(EXAMPLES / "faulty.vcf")
        if isinstance(result, Rejected)
    }
    assert reasons == {
        ("faulty.vcf:1", "KIND: kind is not individual"),
        ("faulty.vcf:2", "KIND: kind is not individual"),
        ("faulty.vcf:3", "KIND: kind is not individual"),
        ("faulty.vcf:4", "FN: missing"),
        ("faulty.vcf:6", "name: name_empty"),
        ("faulty.vcf:7", "phone: phone_country_missing"),
        ("faulty.vcf:8", "email.address: email_at_sign"),
        ("faulty.vcf:8", "email.address: email_domain"),
        ("faulty.vcf:9", "EXPERTISE: LEVEL is not beginner, average or expert"),
        ("faulty.vcf:11", "UID: repeats an earlier card"),
    }


def test_a_card_of_a_library_becomes_a_person_with_components() -> None:
    person = next(plan_vcards(EXAMPLES / "contacts.vcf"))
    assert create(person)["birth_date"] == "1979-04-12"
    assert create(person)["name"] == {
        "given_names": ["Zoë"],
        "family_names": ["Årdal-Brandvold"],
        "suffixes": ["PhD"],
        "honorific": "Dr.",
        "naming_convention": "Western",
    }
    assert [data["email_type"] for data in components(person, "EmailAddress")] == ["Work", "Personal"]
    assert components(person, "PhoneNumber")[0]["phone"] == {"number": "+12025550101", "extension": "42"}
    assert [data["proficiency"] for data in components(person, "Skill")] == ["Expert", "Intermediate"]


def test_all_commands_of_a_card_name_the_same_person_and_creation_comes_first() -> None:
    for person in people(plan_vcards(EXAMPLES)):
        types = [command.type for command in person.commands]
        assert types == ["person.commands.create"] + ["person.commands.component.add"] * (len(types) - 1)
        assert len({command.person_id for command in person.commands}) == 1


def test_an_expertise_of_two_lines_is_left_out_and_the_person_kept(plan: Plan) -> None:
    person, rejected = plan(card("FN:Ada", r"EXPERTISE;LEVEL=expert:one\ntwo"))
    assert len(person.commands) == 1
    assert rejected == Rejected("book.vcf:1", "data.name: control_character")


@pytest.mark.parametrize("uid", [UID, f"urn:uuid:{UID}", f"URN:UUID:{UID.upper()}"])
def test_ids_rest_on_a_uuid_however_it_is_written_but_the_person_id_is_another(plan: Plan, uid: str) -> None:
    (person,) = plan(card("FN:Ada Formless", f"UID:{uid}"))
    person_id = derive(derive(NS, f"import:vcard:{UID}:create:0"), "person")
    assert person.commands[0].person_id == person_id != UID


@pytest.mark.parametrize("uid", ["noor-7", str(uuid.UUID(int=0)), "ffffffff-ffff-ffff-ffff-ffffffffffff"])
def test_cards_without_a_usable_uid_are_told_apart_by_their_content(plan: Plan, uid: str) -> None:
    one, other = plan(card("FN:Ada Formless", f"UID:{uid}"), card("FN:Bob Formless", f"UID:{uid}"))
    assert one.commands[0].person_id != other.commands[0].person_id


def test_a_new_export_of_the_same_card_keeps_its_ids(plan: Plan) -> None:
    lines = ("FN:Ada Formless", "EMAIL:ada@example.org")
    before = plan(card(*lines, "REV:20260101T000000Z", "PRODID:one"))
    folded = card("FN:Ada For", " mless", "EMAIL:ada@example.org", "REV:20270101T000000Z", end="\n")
    assert plan(b"\xef\xbb\xbf", folded) == before


def test_an_edited_card_names_the_same_person_in_new_commands(plan: Plan) -> None:
    (before,) = plan(card("FN:Ada", f"UID:{UID}", "EMAIL:ada@example.org"))
    (after,) = plan(card("FN:Ada", f"UID:{UID}", "EMAIL:new@example.org", "EMAIL:ada@example.org"))
    assert before.commands[0].person_id == after.commands[0].person_id
    for name in ("command_id", "component_id"):
        ids = [{getattr(c, name, c.data.get(name)) for c in person.commands} - {None} for person in (before, after)]
        assert ids[0].isdisjoint(ids[1])


def test_lines_folded_inside_a_character_are_read_whole(plan: Plan) -> None:
    raw = card("FN:Zoë Ж", "NOTE:x").encode().replace("ë".encode(), b"\xc3\r\n \xab")
    (person,) = plan(raw)
    assert create(person)["name"]["given_names"] == ["Zoë"]


def test_escapes_and_several_values_of_a_name_part_are_kept_apart(plan: Plan) -> None:
    (person,) = plan(card("FN:x", r"N:Vega\; Sol,Luna;Ada;Bee,Cee;;"))
    assert create(person)["name"] == {
        "family_names": ["Vega Sol", "Luna"],
        "given_names": ["Ada"],
        "middle_names": ["Bee", "Cee"],
        "naming_convention": "Western",
    }


@pytest.mark.parametrize(
    ("lines", "convention"),
    [
        (("FN:Plato", "N:;Plato;;;"), "Mononymic"),
        (("FN:架空 花子", "N:架空;花子;;;"), "EastAsian"),
        (("FN:Guðrún Helgadóttir",), "Patronymic"),
        (("FN:Guðrún Helgadóttir", "N:;;;;"), "Patronymic"),
        (("FN:Ada 🌊 Formless", "N:🌊;;;;"), "Western"),
    ],
)
def test_the_naming_convention_follows_what_the_card_tells(plan: Plan, lines: tuple[str, ...], convention: str) -> None:
    (person,) = plan(card(*lines))
    assert create(person)["name"]["naming_convention"] == convention


def test_of_several_names_the_preferred_one_is_taken(plan: Plan) -> None:
    (person,) = plan(card("FN;ALTID=1;LANGUAGE=en;PREF=2:Hanako", "FN;ALTID=1;LANGUAGE=ja;PREF=1:花子"))
    assert create(person)["name"]["given_names"] == ["花子"]


@pytest.mark.parametrize(
    ("line", "born"),
    [
        ("BDAY:19850412", "1985-04-12"),
        ("BDAY:1985-04-12", "1985-04-12"),
        ("BDAY;VALUE=date-and-or-time:19531015T231000Z", "1953-10-15"),
        ("BDAY:--0412", None),
        ("BDAY:1985-04", None),
        ("BDAY:19850231", None),
        ("BDAY;VALUE=text:circa 1800", None),
        ("BDAY;X-APPLE-OMIT-YEAR=1604:1604-04-12", None),
        ("ANNIVERSARY:20090808", None),
    ],
)
def test_only_a_full_birthday_is_a_birth_date(plan: Plan, line: str, born: str | None) -> None:
    (person,) = plan(card("FN:Ada", line))
    assert create(person).get("birth_date") == born


@pytest.mark.parametrize(
    ("line", "phone"),
    [
        ('TEL;VALUE=uri;TYPE="voice,cell":tel:+1-202-555-0100;ext=12', {"number": "+12025550100", "extension": "12"}),
        ("TEL;VALUE=uri:tel:7946-0100;phone-context=+44", {"number": "+4479460100"}),
        ("TEL:+44 (0)20 7946 0100", {"number": "+442079460100"}),
        ("TEL:+39 (0)6 5550 0100", {"number": "+390655500100"}),
        ("TEL:0044 20 7946 0100", {"number": "+442079460100"}),
        ("TEL:+1 (202) 555\u20110100 x7", {"number": "+12025550100", "extension": "7"}),
        ("TEL:\u202a+1 202 555 0100\u202c", {"number": "+12025550100"}),
        ("TEL:+\u0661 \u0662\u0660\u0662 \u0665\u0665\u0665 \u0660\u0661\u0660\u0660", {"number": "+12025550100"}),
    ],
)
def test_phone_numbers_are_read_as_people_write_them(plan: Plan, line: str, phone: dict[str, str]) -> None:
    (person,) = plan(card("FN:Ada", line))
    assert [data["phone"] for data in components(person, "PhoneNumber")] == [phone]


def test_a_number_without_its_country_is_left_out_and_told(plan: Plan) -> None:
    person, rejected = plan(card("FN:Ada", "TEL:202-555-0100"))
    assert components(person, "PhoneNumber") == []
    assert rejected == Rejected("book.vcf:1", "phone: phone_country_missing")


@pytest.mark.parametrize(
    ("types", "phone_type"), [("cell,work", "Mobile"), ("home", "Home"), ("WORK", "Work"), ("fax,work", "Other")]
)
def test_the_type_of_a_phone_follows_its_use(plan: Plan, types: str, phone_type: str) -> None:
    (person,) = plan(card("FN:Ada", f"TEL;TYPE={types}:+12025550100"))
    (data,) = components(person, "PhoneNumber")
    assert data["phone_type"] == phone_type
    assert data.get("can_receive_calls", True) == ("fax" not in types)


@pytest.mark.parametrize("mark", ["PREF=1", "TYPE=pref", "TYPE=INTERNET,PREF"])
def test_the_preferred_value_is_the_primary_one_and_only_one_is(plan: Plan, mark: str) -> None:
    (person,) = plan(
        card("FN:Ada", "EMAIL:a@example.org", f"item1.EMAIL;{mark}:b@example.org", "EMAIL;PREF=1:c@example.org")
    )
    assert [command.data.get("is_primary", False) for command in person.commands[1:]] == [False, True, False]


def test_an_address_listed_twice_is_planned_once(plan: Plan) -> None:
    (person,) = plan(card("FN:Ada", "EMAIL;TYPE=home:ada@example.org", "EMAIL;TYPE=work:mailto:ADA@Example.ORG"))
    assert [data["email_type"] for data in components(person, "EmailAddress")] == ["Personal"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (card("FN:Ada", version="2.1"), "VERSION: not 3.0 or 4.0"),
        (card("FN:Ada", "X-ADDRESSBOOKSERVER-KIND:group", version="3.0"), "KIND: kind is not individual"),
        ("BEGIN:VCARD\nVERSION:4.0\nFN:Ada\n", "card: END:VCARD is missing"),
        (card("EMAIL:a@example.org"), "FN: missing"),
    ],
)
def test_a_card_that_is_no_person_is_rejected_whole(plan: Plan, text: str, reason: str) -> None:
    assert plan(text) == [Rejected("book.vcf:1", reason)]


def test_a_card_left_open_does_not_hide_the_next_one(plan: Plan) -> None:
    rejected, person = plan("BEGIN:VCARD\nVERSION:4.0\nFN:Ada\n", card("FN:Bob"))
    assert rejected.reason == "card: END:VCARD is missing"
    assert person.source_ref == "book.vcf:2"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"EMAIL;TYPE=" + b"a," * 60 + b'"', "EMAIL: the line is not well formed"),
        (b"EMAIL;ENCODING=QUOTED-PRINTABLE;CHARSET=none:a=40b", "EMAIL: the line is not well formed"),
        (b"EMAIL:jos\xe9@example.org", "EMAIL: not UTF-8 text"),
    ],
)
def test_an_unreadable_line_costs_that_line_only(plan: Plan, line: bytes, reason: str) -> None:
    person, rejected = plan(b"BEGIN:VCARD\nVERSION:4.0\nFN:Ada\n" + line + b"\nEND:VCARD\n")
    assert isinstance(person, PlannedPerson)
    assert rejected == Rejected("book.vcf:1", reason)


def test_lines_nobody_imports_are_not_read_at_all(plan: Plan) -> None:
    (person,) = plan(card("FN:Ada", "NOTE;broken", "PHOTO:data:image/png;base64,AAAA", "GENDER:F", "x"))
    assert len(person.commands) == 1


def test_a_folder_is_read_in_the_order_of_its_file_names_and_tells_bad_files(tmp_path: Path) -> None:
    (tmp_path / "b.vcf").write_text(card("FN:Bob"))
    (tmp_path / "a.VCF").write_text(card("FN:Ada"))
    (tmp_path / "c.vcf").write_bytes(b"\x00\x01")
    (tmp_path / "notes.txt").write_text("no card")
    planned = list(plan_vcards(tmp_path))
    assert [result.source_ref for result in planned] == ["a.VCF:1", "b.vcf:1", "c.vcf"]


def test_a_source_that_is_no_vcard_is_told_at_once_and_on_one_line(tmp_path: Path) -> None:
    (tmp_path / "picture.vcf").write_bytes(b"\x89PNG\r\n\x00")
    (tmp_path / "empty").mkdir()
    for name in ("picture.vcf", "empty", "missing.vcf"):
        with pytest.raises(ImportSourceError, match=name) as raised:
            plan_vcards(tmp_path / name)
        assert "\n" not in str(raised.value)


def test_an_address_is_read_with_its_country(plan: Plan) -> None:
    [person] = plan(
        card("FN:Ada", "ADR;TYPE=home:12;Flat 3;St James's Square 4;London;Greater London;SW1Y 4JH;United Kingdom"),
    )
    [home] = components(person, "Address")
    assert home == {
        "address_type": "Residential",
        "address": {
            "street1": "St James's Square 4",
            "street2": "PO Box 12, Flat 3",
            "city": "London",
            "state_province": "Greater London",
            "postal_code": "SW1Y 4JH",
            "country": "United Kingdom",
            "country_code": "GB",
        },
    }


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("ADR:;;Street 1;City;;;Atlantis", "ADR.country: unknown"),
        ("ADR:;;Street 1;;;;de", "address.city: not_blank"),
        ("ADR:City", "ADR.country: unknown"),
        ("URL:example.org", "url: url"),
        ("ORG:Engines", "ORG.start_date: unknown; --employed-since names one"),
        ("LANG:english_us", "LANG.preferred_language: language_tag"),
    ],
)
def test_a_part_that_does_not_fit_is_left_out_and_told(plan: Plan, line: str, reason: str) -> None:
    _, rejected = plan(card("FN:Ada", line))
    assert rejected.reason.removeprefix("data.") == reason


def test_work_website_and_languages_are_read(tmp_path: Path) -> None:
    file = tmp_path / "book.vcf"
    lines = ("FN:Ada", "ORG:Engines;Research;Notes", "TITLE:Programmer", "URL:https://ada.example.org/notes")
    file.write_text(card(*lines, "LANG;PREF=2:fr", "LANG;PREF=1:en-gb"))
    [person] = plan_vcards(file, date(2020, 1, 1))
    assert components(person, "Employment") == [
        {
            "company": "Engines",
            "position": "Programmer",
            "employment_type": "Other",
            "start_date": "2020-01-01",
            "is_current": True,
            "department": "Research, Notes",
        }
    ]
    assert components(person, "Website") == [
        {"url": "https://ada.example.org/notes", "title": "ada.example.org", "website_type": "Other"}
    ]
    [preferences] = components(person, "CommunicationPreferences")
    assert (preferences["preferred_language"], preferences["secondary_languages"]) == ("en-gb", ["fr"])
