"""How a document is refused: the field, the rule that it breaks, and the place in an expression."""

from pydantic import JsonValue

from domain.fields import dotted
from domain.policies.expression import BadExpression
from domain.refusals import Refused


class PolicyInvalid(Refused):
    """A document that is not valid. The outcome names field and rule alone; `explanation` may quote the document, and is for its author."""

    def __init__(self, field: str, rule: str, explanation: str, **facts: JsonValue) -> None:
        super().__init__("policy_invalid", f"{field}: {rule}", field=field, rule=rule, **facts)
        self.explanation = f"{field}: {explanation or rule}"


def invalid_policy(path: tuple[str | int, ...], rule: str, explanation: str = "", **facts: JsonValue) -> PolicyInvalid:
    """The refusal of a document with a bad field."""
    return PolicyInvalid(dotted(path), rule, explanation, **facts)


def invalid_expression(path: tuple[str | int, ...], error: BadExpression) -> PolicyInvalid:
    """The refusal of a document with a bad expression; `line` and `column` lead to the place in its text."""
    where = f"line {error.line}, column {error.column}: {error.explanation}"
    return invalid_policy(path, error.rule, where, line=error.line, column=error.column)
