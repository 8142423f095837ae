"""Names of many scripts: their rules, how they are split and how they are shown."""

from typing import Any

import pytest
from pydantic import ValidationError

from domain.values.name_display import display, display_name, sort_name
from domain.values.person_name import PersonName


@pytest.mark.parametrize(
    ("text", "convention", "parts"),
    [
        ("Ada Lovelace", "Western", {"given_names": ("Ada",), "family_names": ("Lovelace",)}),
        (
            "Dr. Martin Luther King Jr.",
            "Western",
            {
                "honorific": "Dr.",
                "given_names": ("Martin",),
                "middle_names": ("Luther",),
                "family_names": ("King",),
                "suffixes": ("Jr.",),
            },
        ),
        (
            "Ludwig van der Rohe",
            "Western",
            {"given_names": ("Ludwig",), "prefixes": ("van", "der"), "family_names": ("Rohe",)},
        ),
        ("José Ortega y Gasset", "Spanish", {"given_names": ("José",), "family_names": ("Ortega", "Gasset")}),
        ("Björk Guðmundsdóttir", "Patronymic", {"given_names": ("Björk",), "patronymic": "Guðmundsdóttir"}),
        ("山田 太郎", "EastAsian", {"family_names": ("山田",), "given_names": ("太郎",)}),
        ("毛泽东", "EastAsian", {"given_names": ("毛泽东",)}),
        ("김 연아", "EastAsian", {"family_names": ("김",), "given_names": ("연아",)}),
        ("Sukarno", "Mononymic", {"given_names": ("Sukarno",)}),
        ("محمد", "Mononymic", {"given_names": ("محمد",)}),
        ("Νίκος Καζαντζάκης", "Western", {"given_names": ("Νίκος",), "family_names": ("Καζαντζάκης",)}),
        ("Dr Who", "Western", {"honorific": "Dr", "family_names": ("Who",)}),
    ],
)
def test_a_written_name_is_split_by_the_first_rule_that_fits(text: Any, convention: Any, parts: Any) -> None:
    assert PersonName.parse(text) == PersonName(naming_convention=convention, **parts)


def test_son_ends_a_patronymic_only_in_iceland() -> None:
    assert PersonName.parse("Jón Jónsson").naming_convention == "Western"
    assert PersonName.parse("Jón Jónsson", locale="is").patronymic == "Jónsson"


@pytest.mark.parametrize(
    "part",
    ["O'Brien", "O’Brien", "Jean-Luc", "D.", "Gal·la", "नि\u200dशा", "سید\u200cمحمد", "Nguyễn Văn", "ג׳ורג׳", "々木"],
)
def test_letters_and_marks_of_any_script_make_a_name(part: Any) -> None:
    assert PersonName(family_names=(part,)).family_names == (part,)


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({}, "name_empty"),
        ({"given_names": ("",)}, "name_part_length"),
        ({"given_names": ("a" * 101,)}, "name_part_length"),
        ({"given_names": ("A",) * 9}, "name_part_count"),
        ({"given_names": ("R2D2",)}, "name_part_character"),
        ({"given_names": ("a@b",)}, "name_part_character"),
        ({"given_names": ("😀",)}, "name_part_letter"),
        ({"given_names": ("--",)}, "name_part_letter"),
        ({"given_names": ("a" * 100,) * 3, "honorific": "B"}, "name_length"),
        ({"given_names": ("Ada",), "honorific": "1st"}, "name_part_character"),
    ],
)
def test_what_is_no_name_is_refused_with_its_rule(fields: Any, rule: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        PersonName(**fields)
    assert refused.value.errors()[0]["type"] == rule


def test_names_are_equal_in_nfc() -> None:
    assert PersonName(given_names=("Rene\u0301",)) == PersonName(given_names=("René",))


KING = PersonName.parse("Dr. Martin Luther King Jr.")
ROHE = PersonName.parse("Ludwig Hans van der Rohe")
YAMADA = PersonName.parse("山田 太郎")
SUKARNO = PersonName.parse("Sukarno")
ORTEGA = PersonName.parse("José Ortega y Gasset")
BJORK = PersonName.parse("Björk Guðmundsdóttir")
LATIN_EAST = PersonName(family_names=("Mao",), given_names=("Zedong",), naming_convention="EastAsian")


@pytest.mark.parametrize(
    ("name", "policy", "shown"),
    [
        (KING, "Cultural", "Martin Luther King Jr."),
        (KING, "Informal", "Martin"),
        (KING, "Formal", "Dr. Martin Luther King Jr."),
        (KING, "Legal", "King, Martin L."),
        (KING, "Alphabetical", "King, M."),
        (ROHE, "Cultural", "Ludwig Hans van der Rohe"),
        (ROHE, "Legal", "van der Rohe, Ludwig H."),
        (ROHE, "Alphabetical", "Rohe, L."),
        (YAMADA, "Cultural", "山田太郎"),
        (YAMADA, "Informal", "太郎"),
        (YAMADA, "Alphabetical", "山田, 太."),
        (LATIN_EAST, "Cultural", "Mao Zedong"),
        (SUKARNO, "Legal", "Sukarno"),
        (SUKARNO, "Alphabetical", "Sukarno"),
        (ORTEGA, "Cultural", "José Ortega Gasset"),
        (BJORK, "Cultural", "Björk Guðmundsdóttir"),
        (BJORK, "Alphabetical", "Björk Guðmundsdóttir"),
        (PersonName(family_names=("Who",)), "Alphabetical", "Who"),
        (PersonName(given_names=("नि\u200dशा",), family_names=("राव",)), "Alphabetical", "राव, नि\u200dशा."),
    ],
)
def test_a_name_is_shown_by_policy(name: Any, policy: Any, shown: Any) -> None:
    assert display(name, policy) == shown


def test_the_preferred_form_is_the_display_name() -> None:
    name = PersonName(given_names=("William",), family_names=("Gates",), preferred_form="Bill")
    assert (display_name(name), display(name, "Informal"), sort_name(name)) == ("Bill", "Bill", "Gates, W.")
