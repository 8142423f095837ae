"""Expressions give a JSON value or a code that says why there is none; mistakes are found when they are compiled."""

from typing import Any

import pytest

from domain.policies.expression import FAULTS, MAX_TEXT, BadExpression, Expression, Unclear, vocabulary
from domain.policies.syntax_tree import path_of, paths

VARIABLES = ("event", "summary", "facts")
EVENT: dict[str, Any] = {
    "days": 400,
    "ratio": 1.5,
    "none": None,
    "yes": True,
    "text": "Ada",
    "numbers": [1, 2, 3],
    "people": [{"name": "Ada"}, {"name": "Grace"}],
    "time": "2026-01-05T10:00:00Z",
    "map": {"a": 1},
    "large": 2**63,
}


def compiled(text: str) -> Expression:
    return vocabulary(*VARIABLES).compile(text)


def value_of(text: str, **values: Any) -> Any:
    given = {"event": EVENT, "summary": {}, "facts": {}, **values}
    return compiled(text).evaluate(vocabulary(*VARIABLES).values(given))


def fault_of(text: str) -> str:
    with pytest.raises(Unclear) as caught:
        value_of(text)
    assert caught.value.fault in FAULTS
    return caught.value.fault


def wrong(text: str) -> BadExpression:
    with pytest.raises(BadExpression) as caught:
        compiled(text)
    return caught.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("event.days > 365", True),
        ("event.days", 400),
        ("event.ratio * 2.0", 3.0),
        ("event.none", None),
        ("event.none == null", True),
        ("event['text'] + '!'", "Ada!"),
        ("event.numbers.map(n, n + 1)", [2, 3, 4]),
        ("event.people.filter(p, p.name.startsWith('G'))", [{"name": "Grace"}]),
        ("event.people.exists(p, p.name == 'Ada') && event.people.exists_one(p, p.name == 'Ada')", True),
        ("event.numbers.all(n, n in [1, 2, 3])", True),
        ("size(event.text) == 3 && event.text.matches('^A[a-z]{2}$')", True),
        ("{'a': [1, {'b': event.yes}]}", {"a": [1, {"b": True}]}),
        ("has(event.days) && !has(event.weeks)", True),
        ("timestamp(event.time) + duration('24h') > timestamp('2026-01-06T09:00:00Z')", True),
        ("timestamp(event.time)", "2026-01-05T10:00:00Z"),
        ("timestamp(event.time).getFullYear()", 2026),
        ("event.yes ? 'a' : 'b'", "a"),
        ("event.large > 1", True),
        ("event.yes || event.nowhere", True),
        ("size(summary) == 0", True),
        ("'b' in event.map", False),
    ],
)
def test_an_expression_gives_a_json_value(text: str, value: Any) -> None:
    found = value_of(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("event.weeks > 3", "missing_key"),
        ("event.text > 3", "wrong_type"),
        ("event.none > 3", "wrong_type"),
        ("event.days / 0 > 1", "failed"),
        ("timestamp(event.text) > timestamp(event.time)", "failed"),
        ("duration('1h')", "not_json"),
        ("b'Ada'", "not_json"),
        ("{1: 2}", "not_json"),
        ("type(event)", "not_json"),
    ],
)
def test_what_has_no_value_says_why_by_a_code(text: str, fault: str) -> None:
    assert fault_of(text) == fault


@pytest.mark.parametrize(
    ("text", "rule", "at"),
    [
        ("", "empty", (1, 1)),
        ("event.days >", "syntax", (1, 13)),
        ("evnt.days > 3", "unknown_name", (1, 5)),
        ("now() > event.time", "unknown_name", (1, 4)),
        ("event.days >\n  other", "unknown_name", (2, 3)),
        ("1 < 'a'", "type", (1, 3)),
        ("'é' + 1", "type", (1, 5)),
        ("x" * (MAX_TEXT + 1), "too_long", (1, MAX_TEXT)),
        ("google.protobuf.Duration{seconds: 1} == duration('1s')", "message", (1, 1)),
    ],
)
def test_a_mistake_is_found_at_its_place(text: str, rule: str, at: tuple[int, int]) -> None:
    found = wrong(text)
    assert (found.rule, (found.line, found.column)) == (rule, at)


def test_values_are_converted_once_for_all_expressions_that_read_them() -> None:
    values = vocabulary(*VARIABLES).values({"event": EVENT, "summary": {"status": "Active"}, "facts": {}})
    assert [compiled(text).evaluate(values) for text in ("event.days", "summary.status", "event.days + 1")] == [
        400,
        "Active",
        401,
    ]


def test_the_tree_tells_which_fields_are_read() -> None:
    tree = compiled(
        "event.data['days'] > 1 && summary.people.exists(event, event.name == facts.a.b) && has(event.x)"
    ).tree
    assert {path for _, path in paths(tree.root)} == {
        ("event", "data", "days"),
        ("summary", "people"),
        ("facts", "a", "b"),
        ("event", "x"),
    }
    assert path_of(tree.root) is None


def test_an_expression_knows_its_variables_and_the_type_of_its_value() -> None:
    found = compiled("event.numbers.exists(n, n > facts.x)")
    assert (found.reads, found.returns) == (frozenset({"event", "facts"}), "BOOL")
    assert compiled("event.days").returns == "DYN"
