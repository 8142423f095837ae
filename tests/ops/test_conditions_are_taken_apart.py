"""Conditions are shown part by part, and values that are personal data are hidden."""

from __future__ import annotations

import itertools

import pytest

from domain.policies.expression import vocabulary
from domain.policies.names import compile_checked
from ops.policies.parts import Part, parts_of
from ops.policies.visible import inputs_of, is_open, reads_open


def shape(part: Part) -> object:
    """A part as text, or as what joins its parts, and these."""
    return part.text if part.joined is None else (part.joined, *map(shape, part.parts))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", "a"),
        ("a && b && c", ("all", "a", "b", "c")),
        ("a && b || c", ("any", ("all", "a", "b"), "c")),
        ("a && (b || c)", ("all", "a", ("any", "b", "c"))),
        ("((a && b)) && c", ("all", ("all", "a", "b"), "c")),
        ("(a) && (b)", ("all", "a", "b")),
        ("a ? b && c : d", "a ? b && c : d"),
        ("!(a && b)", "!(a && b)"),
        ("l.exists(x, x && y) || has(a.b)", ("any", "l.exists(x, x && y)", "has(a.b)")),
        ("a == ' && ' && b == \" || \"", ("all", "a == ' && '", 'b == " || "')),
        (r"a == 'it\'s && b' && c", ("all", r"a == 'it\'s && b'", "c")),
        (r"a.matches(r'\') && b", ("all", r"a.matches(r'\')", "b")),
        ("a == '''x' && y''' && b", ("all", "a == '''x' && y'''", "b")),
        ("m['a && b'] && [c, d][0]", ("all", "m['a && b']", "[c, d][0]")),
    ],
)
def test_a_condition_is_split_where_it_is_joined_and_nowhere_else(text: str, expected: object) -> None:
    assert shape(parts_of(text)) == expected


def test_parts_put_together_again_say_what_the_condition_says() -> None:
    words = vocabulary("event", "summary", "facts")
    text = "(event.a && (event.b || event.c)) || event.b && !(event.a || event.c)"
    whole = words.compile(text)

    def value(part: Part, values: dict[str, bool]) -> bool:
        below = [value(one, values) for one in part.parts]
        if part.joined is not None:
            return all(below) if part.joined == "all" else any(below)
        return words.compile(part.text).evaluate(words.values({"event": {**values}})) is True

    for bits in itertools.product((True, False), repeat=3):
        values = dict(zip("abc", bits, strict=True))
        assert value(parts_of(text), values) is whole.evaluate(words.values({"event": {**values}}))


@pytest.mark.parametrize(
    ("path", "is_shown"),
    [
        ("event.time", True),
        ("event.data.component_type", True),
        ("event.data.component_data", False),
        ("event.data.component_data.email", False),
        ("event.data", False),
        ("event", False),
        ("summary.status", True),
        ("summary.display_name", False),
        ("summary", False),
        ("facts.name_shortest_part", True),
    ],
)
def test_only_what_says_nothing_about_who_it_is_is_shown(path: str, is_shown: bool) -> None:
    assert is_open(tuple(path.split(".")), "send", "person.component_added") is is_shown


def test_of_a_command_only_ids_choices_and_numbers_are_shown() -> None:
    archive, inactive = "person.commands.lifecycle.archive", "person.commands.privacy.request_erasure"
    assert not is_open(("command", "data", "reason"), "deny", archive)
    assert is_open(("command", "data", "grace_hours"), "deny", inactive)
    assert is_open(("command", "data", "legal_basis"), "deny", inactive)


def test_an_expression_is_open_if_all_that_it_reads_is() -> None:
    trigger = "person.name_updated"
    opened = compile_checked("event.sequence > 3 && facts.email_valid", "send", trigger)
    closed = compile_checked("event.sequence > 3 && event.data.new_name.given_names[0] == 'Ada'", "send", trigger)
    assert (reads_open(opened, "send", trigger), reads_open(closed, "send", trigger)) == (True, False)
    assert inputs_of(closed, {"event": {"sequence": 4, "data": {}}}) == {
        "event.data.new_name.given_names": None,
        "event.sequence": "4",
    }
