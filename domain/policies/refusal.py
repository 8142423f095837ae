"""How a document is refused: the field, the rule that it breaks, and the place in an expression."""

from pydantic import JsonValue

from domain.fields import dotted
from domain.policies.expression import BadExpression
from domain.refusals import Refused

INVALID = "policy_invalid"


def invalid_policy(path: tuple[str | int, ...], rule: str, explanation: str = "", **facts: JsonValue) -> Refused:
    """The refusal of a document with a bad field."""
    field = dotted(path)
    reason = f"{field}: {explanation or rule}"
    return Refused(INVALID, reason, field=field, rule=rule, **facts)


def invalid_expression(path: tuple[str | int, ...], error: BadExpression) -> Refused:
    """The refusal of a document with a bad expression; `line` and `column` lead to the place in its text."""
    where = f"line {error.line}, column {error.column}: {error.explanation}"
    return invalid_policy(path, error.rule, where, line=error.line, column=error.column)
