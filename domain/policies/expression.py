"""Expressions of policies: compiled, checked and bounded once, evaluated in microseconds.

The language is CEL. The engine behind it, cel-expr-python, is known to this module alone. An expression has no side effect, reads no
clock, and either gives a JSON value or says by a code why it has none.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from cel_expr_python import cel
from pydantic import JsonValue

from domain.policies.cost import BUDGET, USUAL, Size, TooCostly, estimate, size_of
from domain.policies.syntax_tree import Node, SyntaxTree, paths, read_tree
from domain.times import format_instant

MAX_TEXT: Final = 2_000
"""Characters of one expression."""

FAULTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "missing_key": "a field that the expression reads is not there",
        "wrong_type": "an operator or a function met a value of another type",
        "not_bool": "the condition gave something other than true or false",
        "not_json": "the expression gave something that JSON has no form for",
        "too_many_steps": "the loops took more steps than an evaluation may take",
        "too_large": "what the expression reads is too large for what it does with it",
        "failed": "the expression came to an error, such as a division by zero",
        "no_command": "the values do not make a command",
        "defect": "the evaluation itself failed, which is a defect of the product",
    }
)
"""Why an evaluation gave no usable value. These codes are recorded; values and texts of errors never are."""


class Unclear(Exception):  # noqa: N818 - named as what happened
    """An evaluation gave no usable value; `fault` is a code of `FAULTS`."""

    def __init__(self, fault: str) -> None:
        super().__init__(fault)
        self.fault = fault


class BadExpression(Exception):  # noqa: N818 - named as what happened
    """A text is no usable expression: the rule that it breaks, where (from 1), and what the compiler says."""

    def __init__(self, rule: str, line: int, column: int, explanation: str) -> None:
        super().__init__(f"{rule} at {line}:{column}: {explanation}")
        self.rule = rule
        self.line = line
        self.column = column
        self.explanation = explanation


class Values:
    """What the variables of expressions stand for. Converted for the engine once, whatever number of expressions reads it."""

    def __init__(self, kind: "Vocabulary", values: Mapping[str, JsonValue]) -> None:
        self.names = frozenset(values)
        self._values = values
        self._sizes: dict[str, Size] = {}
        self.bound: Any = kind.environment.Activation(dict(values))

    def size(self, names: frozenset[str]) -> Size:
        """Bounds of all of these variables."""
        size = Size(0, 0, 0)
        for name in names:
            if name not in self._sizes:
                self._sizes[name] = size_of(self._values.get(name))
            of_one = self._sizes[name]
            size = Size(max(size.longest, of_one.longest), size.values + of_one.values, size.text + of_one.text)
        return size


class Vocabulary:
    """The variables that expressions of one kind may use: maps from text to anything."""

    def __init__(self, *variables: str) -> None:
        self.variables = variables
        of_anything = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
        self.environment: Any = cel.NewEnv(variables=dict.fromkeys(variables, of_anything))

    def compile(self, text: str) -> "Expression":
        """The expression in a text. Raises BadExpression."""
        if not text.strip():
            raise BadExpression("empty", 1, 1, "there is no expression")
        if len(text) > MAX_TEXT:
            raise BadExpression("too_long", 1, MAX_TEXT, f"more than {MAX_TEXT} characters")
        try:
            compiled = self.environment.compile(text)
            tree = read_tree(bytes(compiled.serialize()))
        except RuntimeError as error:
            raise _refusal(str(error)) from None
        return Expression(text, compiled, tree)

    def values(self, values: Mapping[str, JsonValue]) -> Values:
        """Values for the variables. Those left out read as missing."""
        return Values(self, values)


@cache
def vocabulary(*variables: str) -> Vocabulary:
    """The one vocabulary of these variables."""
    return Vocabulary(*variables)


class Expression:
    """A compiled expression. It may be evaluated from any thread."""

    def __init__(self, text: str, compiled: Any, tree: SyntaxTree) -> None:
        self.text = text
        self.tree = tree
        self.reads = frozenset(path[0] for _, path in paths(tree.root))
        """Variables that it uses."""
        try:
            self.units, _, self._depends = estimate(tree.root, USUAL)
        except TooCostly as error:
            raise BadExpression(error.rule, *self.position(error.node), COSTS[error.rule]) from None
        self._compiled = compiled
        self.returns: str = str(compiled.return_type())
        """Name of the type of its value; ``DYN`` when that depends on the values."""

    def evaluate(self, values: Values, *, share: int = 1) -> JsonValue:
        """Its value. Of inputs that are larger than usual, it may take one part in `share` of the budget. Raises Unclear."""
        if self._depends:
            self._bound(values, BUDGET // share)
        try:
            found = self._compiled.eval(values.bound)
            value: Any = found.plain_value()
        except RuntimeError as error:
            # Errors of the expression itself are values; the engine raises for its own limits, and for what it cannot convert.
            raise Unclear("too_many_steps" if "budget" in str(error) else "failed") from None
        if value is True or value is False:
            return value
        if found.type() == cel.Type.ERROR:
            raise Unclear(_fault(str(value)))
        return _json(value)

    def position(self, node: Node) -> tuple[int, int]:
        """Line and column of a node, both from 1."""
        return _line_and_column(self.text, self.tree.positions.get(node.id, 0))

    def _bound(self, values: Values, budget: int) -> None:
        size = values.size(self.reads)
        if size.exceeds(USUAL):
            try:
                units = estimate(self.tree.root, size).units
            except TooCostly:
                raise Unclear("too_large") from None
            if units > budget:
                raise Unclear("too_large")


COSTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "too_costly": "this part may take too long on large values: compare less inside a loop, or use fewer loops",
        "message": "messages of protocol buffers are not supported",
        "function": "this function is not supported",
        "pattern_not_literal": "the pattern of matches() is a text in quotes",
        "pattern_too_large": "the pattern of matches() is too long, or repeats a group or a large class by count",
    }
)
_ERROR_AT: Final = re.compile(r"<input>:(-?[0-9]+):(-?[0-9]+): (.*)")
_MAX_EXPLANATION: Final = 200


def _refusal(message: str) -> BadExpression:
    found = _ERROR_AT.search(message)
    if "recursion" in message:
        return BadExpression("too_deep", 1, 1, "more than 32 levels of nesting")
    if found is None:
        return BadExpression("syntax", 1, 1, message.partition("\n")[0][:_MAX_EXPLANATION])
    line, column, explanation = int(found[1]), int(found[2]), found[3][:_MAX_EXPLANATION]
    if explanation.startswith("undeclared reference"):
        rule = "unknown_name"
    elif explanation.startswith("found no matching overload") or "type" in explanation:
        rule = "type"
    else:
        rule = "syntax"
    return BadExpression(rule, max(line, 1), max(column, 1), explanation)


def _line_and_column(text: str, offset: int) -> tuple[int, int]:
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


def _fault(message: str) -> str:
    if message.startswith("NOT_FOUND"):
        return "missing_key"
    return "wrong_type" if "No matching overloads" in message else "failed"


def _json(value: Any) -> JsonValue:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [_json(item) for item in value]
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise Unclear("not_json")
        return {key: _json(member) for key, member in value.items()}
    if isinstance(value, datetime):
        return format_instant(value)
    raise Unclear("not_json")
