"""Rows of CSV files become plans of commands, as a mapping file says."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from domain.commands import Command
from ops.importing.csv_people import plan_csv
from ops.importing.plan import ImportSourceError, PlannedCommand, PlannedPerson, Rejected

EXAMPLES = Path(__file__).parents[3] / "examples"
MAPPING = """
system = "hr"
key = "id"
[person]
name = { given_names = "first", family_names = "last" }
birth_date = { column = "born", date_format = "%d.%m.%Y" }
active = { column = "state", values = { in = true, out = false } }
[[components]]
type = "EmailAddress"
data = { email.address = "mail", email_type = { constant = "Work" } }
[[components]]
type = "PhoneNumber"
data = { phone = { number = "tel", country_calling_code = { constant = "49" } } }
[[components]]
type = "Skill"
for_each = { column = "skills", separator = ";" }
data = { name = { item = true }, category = { constant = "Other" }, proficiency = { constant = "Expert" } }
"""
SECOND_MAIL = '[[components]]\ntype = "EmailAddress"\ndata = { email.address = "mail" }'
HEADER = "id,first,last,born,state,mail,tel,skills"
Plan = Callable[..., list[PlannedPerson | Rejected]]


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    def plan_rows(*rows: str, mapping: str = MAPPING, header: str = HEADER, encoding: str = "utf-8") -> Any:
        source, mapped = tmp_path / "people.csv", tmp_path / "people.toml"
        source.write_bytes("\n".join([header, *rows, ""]).encode(encoding))
        mapped.write_text(mapping)
        return list(plan_csv(source, mapped))

    return plan_rows


def added(person: Any) -> list[tuple[str, dict[str, Any]]]:
    return [(command.data["component_type"], command.data["data"]) for command in person.commands[1:]]


def test_a_row_becomes_a_person_with_components(plan: Plan) -> None:
    [person] = plan("7,Ada,Lovelace,10.12.1985,in,Ada@example.org,030 5550101,Rust; Algebra ;")
    assert isinstance(person, PlannedPerson)
    assert (person.source_ref, person.line, person.active, person.is_authority) == ("people.csv:2", 2, True, True)
    assert person.commands[0].data == {
        "name": {"given_names": ["Ada"], "family_names": ["Lovelace"], "naming_convention": "Western"},
        "birth_date": "1985-12-10",
        "source": "import",
        "source_system": "hr",
    }
    skill = {"category": "Other", "proficiency": "Expert"}
    assert added(person) == [
        ("EmailAddress", {"email": {"address": "Ada@example.org"}, "email_type": "Work"}),
        ("PhoneNumber", {"phone": {"number": "+49305550101"}}),
        ("Skill", {"name": "Rust", **skill}),
        ("Skill", {"name": "Algebra", **skill}),
    ]


def test_blank_cells_say_nothing(plan: Plan) -> None:
    [person] = plan("7,,Sukarno,,,,,")
    assert isinstance(person, PlannedPerson)
    assert person.active is None
    assert [command.type for command in person.commands] == ["person.commands.create"]
    assert person.commands[0].data["name"] == {"family_names": ["Sukarno"], "naming_convention": "Mononymic"}


@pytest.mark.parametrize(
    ("row", "line", "column", "reason"),
    [
        (",Ada,L,,,,,", 2, "id", "key: blank"),
        ("7,Ada,L,,,,", 2, None, "row: has another number of fields than the header"),
        ("7,,,,,,,", 2, "first", "name: missing"),
        ("7,4711,L,,,,,", 2, "first", "name.given_names: name_part_letter"),
        ("7,Ada,L,1985-12-10,,,,", 2, "born", "person: date_format"),
        ("7,Ada,L,,away,,,", 2, "state", "person: not_in_values"),
        ("7,Ada,L,,,ada,,", 2, "mail", "EmailAddress.email.address: email_at_sign"),
        ("7,Ada,L,,,,call me,", 2, "tel", "PhoneNumber.phone: phone_number"),
    ],
)
def test_what_does_not_fit_names_line_column_and_rule(
    plan: Plan, row: str, line: int, column: Any, reason: str
) -> None:
    rejected = [entry for entry in plan(row) if isinstance(entry, Rejected)]
    assert [(entry.line, entry.column, entry.reason) for entry in rejected] == [(line, column, reason)]
    assert all(text not in str(rejected[0]) for text in ("4711", "call me", "away"))


def test_a_part_that_does_not_fit_leaves_the_person(plan: Plan) -> None:
    person, rejected = plan("7,Ada,L,,,ada,,Rust")
    assert isinstance(person, PlannedPerson)
    assert [component_type for component_type, _ in added(person)] == ["Skill"]
    assert isinstance(rejected, Rejected)


def test_lines_are_those_of_the_file_even_behind_cells_of_several_lines(plan: Plan) -> None:
    entries = plan('1,"A\nda",L,,,,,', "2,Grace,H,,,bad,,")
    assert [entry.line for entry in entries] == [2, 4, 4]


def test_a_repeated_key_is_rejected(plan: Plan) -> None:
    _, second = plan("7,Ada,L,,,,,", "7,Grace,H,,,,,")
    assert second == Rejected("people.csv:3", "key: repeats an earlier row", 3, "id")


def test_ids_rest_on_the_key_and_the_place_and_not_on_the_content(plan: Plan) -> None:
    [before] = plan("7,Ada,Byron,,,a@example.org,,Rust;Go")
    [after] = plan("7,Ada,Lovelace,,,b@example.org,,Go;Rust")
    [other] = plan("8,Ada,Byron,,,a@example.org,,Rust;Go")
    [again] = plan("7,Ada,Byron,,,a@example.org,,Rust;Go")
    assert before == again
    assert [isinstance(one, PlannedPerson) for one in (before, after, other)] == [True] * 3

    def ids(person: Any) -> list[str]:
        return [person.commands[0].person_id, *(command.data["component_id"] for command in person.commands[1:])]

    assert set(ids(before)) == set(ids(after))
    assert not set(ids(before)) & set(ids(other))
    commands = [{command.command_id for command in person.commands} for person in (before, after, other)]  # type: ignore[union-attr]
    assert len(commands[0] & commands[1]) == 2, "only what is equal has the same command"
    assert not commands[0] & commands[2]


def test_a_name_in_one_column_is_parsed(plan: Plan) -> None:
    mapping = 'system = "hr"\nkey = ["id", "last"]\nperson = { name = "first" }'
    [person] = plan("7,Ludwig van Beethoven,x,,,,,", mapping=mapping)
    assert isinstance(person, PlannedPerson)
    assert person.commands[0].data["name"] == {
        "given_names": ["Ludwig"],
        "prefixes": ["van"],
        "family_names": ["Beethoven"],
        "naming_convention": "Western",
    }


def test_other_encodings_and_delimiters_are_read(plan: Plan) -> None:
    mapping = 'system = "hr"\nkey = "id"\ndelimiter = ";"\nencoding = "latin-1"\nperson = { name = "name" }'
    [person] = plan("7;Bj\u00f6rk", mapping=mapping, header="id;name", encoding="latin-1")
    assert isinstance(person, PlannedPerson)
    assert person.commands[0].data["name"]["given_names"] == ["Björk"]


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ("system = ", "people.toml: not a TOML file"),
        ('key = "id"\nperson = { name = "first" }', "people.toml: system: give a text of at most 100 characters"),
        ('system = "hr"\nkey = "id"', "people.toml: person: is missing"),
        ('system = "hr"\nkey = "id"\nperson = { birth_date = "born" }', "people.toml: person: name is missing"),
        (MAPPING.replace('"id"', "7"), "people.toml: key: give the column"),
        (MAPPING.replace("birth_date =", "birthday ="), "people.toml: person: birthday: unknown"),
        (MAPPING.replace("given_names", "given_name"), "people.toml: person.name: given_name: unknown"),
        (MAPPING.replace('"EmailAddress"', '"Email"'), "people.toml: components[0].type: give one of EmailAddress"),
        (MAPPING.replace("email_type =", "mail_type ="), "people.toml: components[0].data: mail_type: unknown"),
        (MAPPING.replace('constant = "Work"', 'constnt = "Work"'), "people.toml: components[0].data.email_type"),
        (MAPPING.replace("for_each", "slot = 1 #"), "people.toml: components[2]: item needs for_each"),
        (MAPPING.replace('"born"', '"birthday"'), "people.csv: the header must name these columns once: birthday"),
        (MAPPING + SECOND_MAIL, "people.toml: components[3]: give each component of a type its own slot"),
    ],
)
def test_a_wrong_mapping_is_told_before_a_row_is_read(plan: Plan, mapping: str, message: str) -> None:
    with pytest.raises(ImportSourceError) as error:
        plan("7,Ada,L,,,,,", mapping=mapping)
    assert message in str(error.value)


def test_a_file_that_cannot_be_read_is_told_at_once(plan: Plan, tmp_path: Path) -> None:
    with pytest.raises(ImportSourceError, match=r"nowhere\.csv: No such file"):
        plan_csv(tmp_path / "nowhere.csv", EXAMPLES / "people.toml")
    with pytest.raises(ImportSourceError, match="not utf-8-sig text"):
        plan("7,Bj\u00f6rk,L,,,,,", encoding="latin-1")
    with pytest.raises(ImportSourceError, match=r"people\.csv: line 2"):
        plan('7,"Ada"x,L,,,,,')


def test_the_edge_reads_every_command_of_the_example(read_at_edge: Callable[[PlannedCommand], Command]) -> None:
    people = list(plan_csv(EXAMPLES / "people.csv", EXAMPLES / "people.toml"))
    assert len(people) == 10
    for person in people:
        assert isinstance(person, PlannedPerson)
        for planned in person.commands:
            assert read_at_edge(planned).id == planned.command_id
