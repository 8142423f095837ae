"""The names that an expression may read: members of an event or command, columns of a summary, facts."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Final

from pydantic import BaseModel, JsonValue

from domain.commands import COMMANDS
from domain.event_catalogue import EVENTS
from domain.person import Person
from domain.policies.document import Effect
from domain.policies.expression import BadExpression, Expression, Vocabulary, vocabulary
from domain.policies.facts import FACTS
from domain.policies.occasion import CAUSE_FIELDS, ON_COMMANDS, ON_EVENTS
from domain.policies.syntax_tree import paths
from domain.views.summary import render_summary

CAUSE: Final[Mapping[Effect, str]] = {"send": "event", "deny": "command"}
"""The variable of each effect that holds what a policy is asked about."""


def vocabulary_of(effect: Effect) -> Vocabulary:
    """The variables of policies with an effect."""
    return vocabulary(*(ON_EVENTS if effect == "send" else ON_COMMANDS))


def compile_checked(text: str, effect: Effect, trigger: str) -> Expression:
    """The expression in a text that reads only what an occasion of the trigger has. Raises BadExpression."""
    expression = vocabulary_of(effect).compile(text)
    cause, payload = CAUSE[effect], payload_fields(effect, trigger)
    for node, path in paths(expression.tree.root):
        allowed = payload if path[:2] == (cause, "data") else _members(path[0], effect)
        name = path[2:3] if path[:2] == (cause, "data") else path[1:2]
        if name and name[0] not in allowed:
            explanation = f"{'.'.join(path[:-1] if path[-1] == name[0] else path)} has no {name[0]!r}; there are: {', '.join(sorted(allowed))}"
            raise BadExpression("unknown_field", *expression.position(node), explanation)
    return expression


def payload_fields(effect: Effect, trigger: str) -> frozenset[str]:
    """Fields of the payload of an event or command type."""
    return frozenset(wire_names((EVENTS[trigger] if effect == "send" else COMMANDS[trigger]).model))


def wire_names(model: type[BaseModel]) -> Mapping[str, bool]:
    """The fields of a model as they are written, and whether each is required."""
    return {field.alias or name: field.is_required() for name, field in model.model_fields.items()}


def summary_columns() -> frozenset[str]:
    """Columns of a summary."""
    return frozenset(_barest_summary())


def empty_columns() -> frozenset[str]:
    """Columns that are null until a person has what they show."""
    return frozenset(name for name, value in _barest_summary().items() if value is None)


@cache
def _barest_summary() -> Mapping[str, JsonValue]:
    row = render_summary(Person.new("").model_copy(update={"created_at": datetime(2000, 1, 1, tzinfo=UTC)}))
    assert row is not None
    return row


def cause_members(effect: Effect) -> frozenset[str]:
    """Members of `event` or `command`."""
    return frozenset(CAUSE_FIELDS) if effect == "send" else frozenset(CAUSE_FIELDS) - {"sequence"}


def _members(variable: str, effect: Effect) -> frozenset[str]:
    if variable == "summary":
        return summary_columns()
    return frozenset(FACTS) if variable == "facts" else cause_members(effect)
