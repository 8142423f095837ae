"""No rule, whatever somebody writes into it, takes long or much memory: it is refused, or it is stopped."""

import random
import time
from contextlib import suppress
from typing import Any

import pytest

from domain.policies.cost import USUAL, size_of
from domain.policies.expression import BadExpression, Expression, Unclear, vocabulary

NUMBERS = list(range(USUAL.longest))
TEXT = "ab" * (USUAL.text // 2 - 100)
WORST_MS = 250
"""An evaluation that is taken may last so long on a busy machine; on a quiet one the budget is 50 ms."""


def compiled(text: str) -> Expression:
    return vocabulary("event", "summary", "facts").compile(text)


def nested(depth: int) -> str:
    text = "true"
    for name in "abcdefgh"[:depth]:
        text = f"event.l.all({name}, {text})"
    return text


REFUSED = {
    "20,000 terms": " + ".join(["1"] * 20_000) + " > 0",
    "1,000 terms": "+".join(["1"] * 990) + ">0",
    "20,000 alternatives": " || ".join(["event.a"] * 20_000),
    "3,000 parentheses": "(" * 3_000 + "true" + ")" * 3_000,
    "40 parentheses": "(" * 40 + "true" + ")" * 40,
    "500 nested lists": "[" * 500 + "]" * 500 + " == []",
    "5,000 fields": "event" + ".a" * 900,
    "a huge text": "'" + "a" * 100_000 + "' == ''",
    "a map of maps": "event.l.map(a, event.l.map(b, [a, b])).size() > 0",
    "doubling texts": "[event.s]" + ".map(a, a + a)" * 12 + "[0].size() > 0",
    "doubling lists": "1 in [event.l]" + ".map(a, a + a)" * 12 + "[0]",
    "doubling nests": "[event.l]" + ".map(a, [a, a])" * 20 + " == [event.l]" + ".map(a, [a, a])" * 20,
    "comparing lists in a loop": "event.l.all(x, event.m == event.n)",
    "loops over pairs of comparisons": "event.l.all(x, event.l.all(y, x == y))",
    "one large item in a loop of one step": "event.l.all(x, event.l.all(y, [event.m].all(z, event.k == z)))",
    "comparing one large item in inner loops": "event.l.all(x, event.l.all(y, event.l.all(z, event.m == x)))",
    "an item of an item in inner loops": "event.l.all(x, x.l.all(y, event.l.all(z, event.l.all(w, event.m == y))))",
    "a pattern in a loop": "event.l.all(x, event.s.matches('(a+)+$'))",
    "a pattern out of data": "event.s.matches(event.p)",
    "a large pattern": f"event.s.matches('{'(a|b)?' * 40}')",
    "a repeated group": "event.s.matches('(.*a){99}b')",
    "a high count": "event.s.matches('[ab]*a[ab]{400}')",
    "counts that add up": "event.s.matches('" + "a{50}" * 3 + "')",
    "a class of thousands by count": r"event.s.matches('\\pL{50}')",
    "a search in a loop": "event.l.all(x, event.s.contains(event.t))",
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_hostile_rule_is_refused_at_once(name: str) -> None:
    started = time.perf_counter()
    with pytest.raises(BadExpression):
        compiled(REFUSED[name])
    assert time.perf_counter() - started < WORST_MS / 1000


TAKEN: dict[str, dict[str, Any]] = {
    nested(1): {"l": NUMBERS},
    nested(4): {"l": list(range(20))},
    "event.l.map(x, x).size() > 0": {"l": NUMBERS},
    "event.l.map(x, x).map(x, x).map(x, x).size() > 0": {"l": NUMBERS},
    "event.l.filter(x, x >= 0).map(x, [x]).size() > 0": {"l": NUMBERS},
    "event.l.all(x, x in event.l)": {"l": NUMBERS},
    "event.l.all(x, event.l.exists(y, y == -1 || x == -1) || true)": {"l": list(range(99))},
    "event.l.all(x, !event.s.contains('ac'))": {"l": NUMBERS[:100], "s": TEXT},
    "event.s.matches('(a+)+$')": {"s": TEXT},
    "event.s.matches('^(a|aa)+$')": {"s": "a" * 16_000 + "b"},
    "event.s.matches('(a|b)*a(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)c')": {"s": TEXT},
    r"event.s.matches('.*a.{50}c.{40}d')": {"s": TEXT},
    r"event.s.matches('\\pL+\\pN+\\pL+')": {"s": TEXT},
    "(event.s + event.s + event.s).size() > 0": {"s": TEXT},
    "event.m == event.n": {"m": [NUMBERS, NUMBERS], "n": [NUMBERS, NUMBERS]},
    "!" * 1_900 + "true": {},
    "-" + "(" * 25 + "1" + ")" * 25 + " < 0": {},
}


@pytest.mark.parametrize("text", TAKEN)
def test_a_rule_that_is_taken_ends_soon_on_the_largest_inputs(text: str) -> None:
    expression = compiled(text)
    values = vocabulary("event", "summary", "facts").values({"event": TAKEN[text]})
    started = time.perf_counter()
    with suppress(Unclear):
        assert isinstance(expression.evaluate(values), bool)
    assert time.perf_counter() - started < WORST_MS / 1000


def test_inputs_that_are_larger_than_usual_are_looked_at_only_while_that_is_cheap() -> None:
    expression = compiled("event.l.map(x, x).size() > 0")
    large = vocabulary("event", "summary", "facts").values({"event": {"l": list(range(20_000))}})
    with pytest.raises(Unclear, match="too_large"):
        expression.evaluate(large)
    assert compiled("event.l[0] == 0 && 'a' != event.l").evaluate(large) is True


def test_loops_end_after_ten_thousand_steps() -> None:
    values = vocabulary("event", "summary", "facts").values({"event": {"l": list(range(120))}})
    with pytest.raises(Unclear, match="too_many_steps"):
        compiled(nested(3)).evaluate(values)


def test_data_of_any_depth_is_read() -> None:
    deep: dict[str, Any] = {}
    for _ in range(64):
        deep = {"a": deep}
    values = vocabulary("event", "summary", "facts").values({"event": deep})
    assert compiled("event.a.a.a.a.a.a != {}").evaluate(values) is True
    assert size_of(deep).values == 65


def test_the_refusal_says_what_is_too_costly_and_where() -> None:
    with pytest.raises(BadExpression) as caught:
        compiled("event.days > 1 && event.l.all(x, event.m == event.n)")
    assert (caught.value.rule, caught.value.line, caught.value.column) == ("too_costly", 1, 42)
    assert "loop" in caught.value.explanation


LISTS: dict[str, Any] = {
    "l": NUMBERS,
    "m": [[number] * 3 for number in range(400)],
    "d": {f"k{number}": number for number in range(300)},
    "o": [list(range(490)), 1, 2],
    "s": TEXT[:7_000],
    "t": "a" * 20,
    "n": 3,
}


class RandomExpressions:
    """Expressions of all kinds, most of them of no use to anybody."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def condition(self, depth: int, bound: tuple[str, ...] = ()) -> str:
        """Something true or false."""
        if depth <= 0:
            return "event.n == 3"
        kind = self._random.randrange(7)
        if kind < 2:
            name, macro = f"v{len(bound)}", self._random.choice(["all", "exists", "exists_one"])
            return f"{self.list(depth - 1, bound)}.{macro}({name}, {self.condition(depth - 1, (*bound, name))})"
        if kind == 2:
            return f"({self.value(depth - 1, bound)} == {self.value(depth - 1, bound)})"
        if kind == 3:
            return f"({self.value(depth - 1, bound)} in {self.list(depth - 1, bound)})"
        if kind == 4:
            return f"{self.text(depth - 1, bound)}.contains({self.text(depth - 1, bound)})"
        if kind == 5:
            return f"{self.text(depth - 1, bound)}.matches('(a|b)*a[ab]{{20}}c')"
        return f"({self.condition(depth - 1, bound)} && {self.condition(depth - 1, bound)})"

    def list(self, depth: int, bound: tuple[str, ...]) -> str:
        """A list or a map."""
        kind = self._random.randrange(5) if depth > 0 else 0
        name = f"v{len(bound)}"
        if kind == 1:
            return f"{self.list(depth - 1, bound)}.map({name}, {self.value(depth - 1, (*bound, name))})"
        if kind == 2:
            return f"{self.list(depth - 1, bound)}.filter({name}, {self.condition(depth - 1, (*bound, name))})"
        if kind == 3:
            return f"({self.list(depth - 1, bound)} + {self.list(depth - 1, bound)})"
        return self._random.choice(["event.l", "event.m", "event.d", "event.o", *bound])

    def text(self, depth: int, bound: tuple[str, ...]) -> str:
        """A text."""
        if depth > 0 and self._random.random() < 0.5:
            return f"({self.text(depth - 1, bound)} + {self.text(depth - 1, bound)})"
        return self._random.choice(["event.s", "event.t", "'ab'", *(f"string({name})" for name in bound)])

    def value(self, depth: int, bound: tuple[str, ...]) -> str:
        """Anything."""
        kind = self._random.choice([self.list, self.text, self.condition])
        return kind(depth, bound)


@pytest.mark.parametrize("seed", range(2))
def test_whatever_is_taken_costs_no_more_than_the_budget(seed: int) -> None:
    expressions, taken = RandomExpressions(seed), 0
    values = vocabulary("event", "summary", "facts").values({"event": LISTS})
    while taken < 80:
        text = expressions.condition(2 + taken % 4)
        try:
            expression = compiled(text)
        except BadExpression:
            continue
        taken += 1
        started = time.process_time()
        with suppress(Unclear):
            expression.evaluate(values)
        assert time.process_time() - started < WORST_MS / 1000, text
