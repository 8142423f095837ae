"""What an expression may cost at most, for inputs of a given size.

The engine bounds the iterations of an expression and its depth, which is not enough: a step of a loop may compare whole lists,
``map`` copies its list in each step, ``+`` may double a text again and again, and a regular expression takes its time with every
character. So each operation has a price here, and what could be dear is refused before it runs. A unit is about ten nanoseconds.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from pydantic import JsonValue

from domain.policies.syntax_tree import Call, Constant, ListOf, Loop, MapOf, Name, Node, Select

BUDGET: Final = 5_000_000
"""Units that one evaluation may cost."""
MAX_STEPS: Final = 10_000
"""Steps of all loops of an evaluation; the engine stops an expression that takes more."""
MAX_PATTERN: Final = 100
"""Characters of a regular expression, and also what its counted repetitions may add up to."""


class Size(NamedTuple):
    """Bounds of a value: the longest list or map in it, its values counted one by one, and the bytes of its texts."""

    longest: int
    values: int
    text: int

    def plus(self, other: "Size") -> "Size":
        """Bounds of what is put together from two values."""
        return Size(self.longest + other.longest, self.values + other.values, self.text + other.text)

    def exceeds(self, other: "Size") -> bool:
        """Whether any bound is higher than another's."""
        return any(mine > theirs for mine, theirs in zip(self, other, strict=True))


USUAL: Final = Size(longest=500, values=2_000, text=16_384)
"""The inputs for which a policy must fit the budget to be registered."""
SCALAR: Final = Size(1, 1, 64)


class TooCostly(Exception):  # noqa: N818 - named as what happened
    """An expression is not bounded well enough. `node` is the part that is to blame, `rule` says what is wrong with it."""

    def __init__(self, node: Node, rule: str) -> None:
        super().__init__(rule)
        self.node = node
        self.rule = rule


class Estimate(NamedTuple):
    """The price of an expression and the size of its value; `depends` says whether the size of the inputs matters."""

    units: int
    size: Size
    depends: bool


def estimate(root: Node, inputs: Size) -> Estimate:
    """The highest price of an expression whose variables are at most so large. Raises TooCostly when it is over the budget."""
    return _Estimator(inputs).price(root, {}, 1)


class _Bound(NamedTuple):
    """What a loop lets a variable stand for: an item of average size, since all items together are no larger than what they come from.

    An inner loop may meet the largest item in each of its steps, so there only `whole` holds.
    """

    average: Size
    whole: Size


def size_of(value: JsonValue) -> Size:
    """The bounds of a JSON value."""
    longest = values = text = 0
    rest: list[JsonValue] = [value]
    while rest:
        one = rest.pop()
        values += 1
        if isinstance(one, str):
            text += len(one) if one.isascii() else 4 * len(one)
        elif isinstance(one, list):
            longest = max(longest, len(one))
            rest.extend(one)
        elif isinstance(one, dict):
            longest = max(longest, len(one))
            text += sum(map(len, one))
            rest.extend(one.values())
    return Size(longest, values, text)


_NODE: Final = 10
_COMPARED: Final = 10
_MEMBER: Final = 4
_APPENDED: Final = 3
_COPIED: Final = 2
_FORMATTED: Final = 400
_COUNT: Final = re.compile(r"(.)\{([0-9]{1,4})(?:,([0-9]{0,4}))?\}", re.DOTALL)
_UNICODE_CLASS: Final = re.compile(r"\\[pP]")
_TEXT_SEARCH: Final = frozenset({"contains", "startsWith", "endsWith"})
_CHEAP: Final = frozenset(
    {
        "_&&_",
        "_||_",
        "!_",
        "-_",
        "_-_",
        "_*_",
        "_/_",
        "_%_",
        "_?_:_",
        "_<_",
        "_<=_",
        "_>_",
        "_>=_",
        "_[_]",
        "@not_strictly_false",
        "dyn",
        "bool",
        "int",
        "uint",
        "double",
        "type",
    }
)
_OF_TIME: Final = frozenset(
    {
        "timestamp",
        "duration",
        "getFullYear",
        "getMonth",
        "getDate",
        "getDayOfMonth",
        "getDayOfWeek",
        "getDayOfYear",
        "getHours",
        "getMinutes",
        "getSeconds",
        "getMilliseconds",
    }
)


class _Estimator:
    def __init__(self, inputs: Size) -> None:
        self._inputs = inputs

    def price(self, node: Node, bound: Mapping[str, _Bound], times: int) -> Estimate:
        """The price of all evaluations of a node, if it is evaluated so many times, and the size of one value."""
        found = self._price(node, bound, times)
        if found.units > BUDGET or found.size.values > BUDGET or found.size.text > BUDGET:
            raise TooCostly(node, "too_costly")
        return found

    def _price(self, node: Node, bound: Mapping[str, _Bound], times: int) -> Estimate:
        if isinstance(node, Constant):
            return Estimate(_NODE * times, _size_of_constant(node), False)
        if isinstance(node, Name):
            known = bound.get(node.name)
            return Estimate(_NODE * times, self._inputs if known is None else known.average, False)
        if isinstance(node, Select):
            below = self.price(node.operand, bound, times)
            return Estimate(below.units + _NODE * times, below.size, below.depends)
        if isinstance(node, Loop):
            return self._loop(node, bound, times)
        if isinstance(node, ListOf | MapOf):
            return self._collection(node, bound, times)
        return self._call(node, [self.price(argument, bound, times) for argument in node.arguments], times)

    def _collection(self, node: ListOf | MapOf, bound: Mapping[str, _Bound], times: int) -> Estimate:
        if isinstance(node, MapOf) and node.message:
            raise TooCostly(node, "message")
        parts = node.elements if isinstance(node, ListOf) else node.parts
        found = [self.price(part, bound, times) for part in parts]
        size = Size(
            max([len(parts), *(one.size.longest for one in found)]),
            1 + sum(one.size.values for one in found),
            sum(one.size.text for one in found),
        )
        return Estimate(sum(one.units for one in found) + _NODE * times * (1 + len(parts)), size, _any(found))

    def _loop(self, node: Loop, bound: Mapping[str, _Bound], times: int) -> Estimate:
        items = self.price(node.items, bound, times)
        outside = {name: _Bound(held.whole, held.whole) for name, held in bound.items()}
        whole = self.price(node.items, outside, times).size
        steps = max(1, min(items.size.longest, MAX_STEPS // times))
        average = Size(items.size.longest, max(1, items.size.values // steps), items.size.text // steps)
        collects = isinstance(node.start, ListOf)
        so_far = Size(0, 0, 0) if collects else SCALAR
        inside = {
            **outside,
            **dict.fromkeys(node.variables, _Bound(average, whole)),
            node.result_name: _Bound(so_far, so_far),
        }
        condition = self.price(node.goes_on, inside, times * steps)
        step = self.price(node.step, inside, times * steps)
        units = items.units + condition.units + step.units + _NODE * times * steps
        size = step.size
        if collects:
            # The engine copies what was collected so far in each step, and all steps of one list may come before it stops.
            longest = items.size.longest
            units += _COPIED * min(times * longest, MAX_STEPS) * longest
            size = Size(max(longest, size.longest), 1 + longest * size.values, longest * size.text)
        result = self.price(node.result, {**inside, node.result_name: _Bound(size, size)}, times)
        return Estimate(units + result.units, result.size, True)

    def _call(self, node: Call, arguments: list[Estimate], times: int) -> Estimate:
        function, before = node.function, sum(one.units for one in arguments)
        sizes = [one.size for one in arguments]
        depends, size, units = _any(arguments), SCALAR, _NODE
        if function in _CHEAP:
            if function in ("_[_]", "_?_:_", "dyn"):
                size = sizes[0] if function != "_?_:_" else _larger(sizes[1], sizes[2])
            elif function in ("_<_", "_<=_", "_>_", "_>=_"):
                units += min(sizes[0].text, sizes[1].text) // 100
        elif function in ("_==_", "_!=_"):
            smaller = min(sizes, key=lambda held: held.values)
            if not any(isinstance(argument, Constant) for argument in node.arguments):
                units, depends = units + _COMPARED * smaller.values + smaller.text // 100, True
        elif function == "@in":
            units += _MEMBER * sizes[1].values + sizes[1].text // 100
            depends = depends or not isinstance(node.arguments[1], ListOf)
        elif function == "_+_":
            if not any(isinstance(argument, Constant) and _is_number(argument) for argument in node.arguments):
                size = sizes[0].plus(sizes[1])
                units, depends = units + _APPENDED * size.longest + size.text // 10, True
        elif function in _TEXT_SEARCH:
            units += sizes[0].text // 2 + sizes[0].text * sizes[1].text // 1_800
            depends = True
        elif function == "matches":
            units += self._match(node, sizes[0])
            depends = True
        elif function == "size":
            units, depends = units + sizes[0].text // 30, True
        elif function in _OF_TIME:
            units += _FORMATTED
        elif function in ("string", "bytes"):
            size, units = sizes[0].plus(SCALAR), units + _FORMATTED // 4 + sizes[0].text // 10
        else:
            raise TooCostly(node, "function")
        return Estimate(before + units * times, size, depends)

    def _match(self, node: Call, text: Size) -> int:
        pattern = node.arguments[1].value if isinstance(node.arguments[1], Constant) else None
        if not isinstance(pattern, str):
            raise TooCostly(node, "pattern_not_literal")
        states = _states(pattern)
        if states is None:
            raise TooCostly(node, "pattern_too_large")
        # It is compiled each time, and a text may lead through all its states with every byte.
        return 200 * states + text.text * states * 7 // 5


def _states(pattern: str) -> int | None:
    """About how many states a regular expression has; None if nobody should run it."""
    counts = [(before, int(most or least)) for before, least, most in _COUNT.findall(pattern)]
    unicode_classes = len(_UNICODE_CLASS.findall(pattern))
    if len(pattern) > MAX_PATTERN or sum(count for _, count in counts) > MAX_PATTERN:
        return None
    if any(before == ")" for before, _ in counts) or (counts and unicode_classes) or unicode_classes > 4:
        # A repeated group, or class of hundreds of ranges, multiplies.
        return None
    return len(pattern) + sum(count for _, count in counts) + 50 * unicode_classes


def _is_number(constant: Constant) -> bool:
    return isinstance(constant.value, int | float)


def _size_of_constant(node: Constant) -> Size:
    return Size(1, 1, len(node.value.encode()) if isinstance(node.value, str) else 8)


def _larger(one: Size, other: Size) -> Size:
    return Size(max(one.longest, other.longest), max(one.values, other.values), max(one.text, other.text))


def _any(found: Iterable[Estimate]) -> bool:
    return any(one.depends for one in found)
