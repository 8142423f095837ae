"""The gate of policies: only a document that compiles, fits the catalogues and passes its own examples is registered."""

from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue, ValidationError

from domain.canonical import NotCanonical, canonical_members, encode
from domain.fields import broken_rule
from domain.policies.checked import CheckedPolicy, compiled, expressions_of
from domain.policies.document import PolicyDocument
from domain.policies.examples import run_examples
from domain.policies.expression import BadExpression, Expression
from domain.policies.literals import mistakes
from domain.policies.refusal import PolicyInvalid, invalid_expression, invalid_policy

MAX_BYTES: Final = 64 * 1024

__all__ = ["MAX_BYTES", "CheckedPolicy", "check", "compiled", "read_document"]


def check(document: Mapping[str, JsonValue]) -> CheckedPolicy:
    """The policy in a document. Raises Refused ``policy_invalid``.

    Its facts are `field` and `rule`, for an expression `line` and `column` too, and for an example what it `got`.
    """
    policy = compiled(read_document(document))
    _check_literals(policy)
    run_examples(policy)
    return policy


def read_document(document: Mapping[str, JsonValue]) -> PolicyDocument:
    """The document in a JSON object, by itself: nothing is compiled. Raises Refused ``policy_invalid``."""
    try:
        members = canonical_members(document)
        if len(encode(members)) > MAX_BYTES:
            raise invalid_policy(("document",), "document_size", f"more than {MAX_BYTES} bytes")
        return PolicyDocument.admit(members)
    except NotCanonical as error:
        raise invalid_policy(("document", *error.path), error.rule) from None
    except ValidationError as error:
        field, rule = broken_rule(error, "document")
        raise PolicyInvalid(field, rule, "") from None


def _check_literals(policy: CheckedPolicy) -> None:
    expressions: list[tuple[tuple[str, ...], Expression]] = [(("document", "condition"), policy.condition)]
    if policy.command is not None:
        for name, part in policy.command.data.items():
            expressions += [(("document", "command", "data", name), one) for one in expressions_of(part)]
    for path, expression in expressions:
        for rule, node, explanation in mistakes(expression.tree.root, policy.document.effect, policy.trigger):
            raise invalid_expression(path, BadExpression(rule, *expression.position(node), explanation))
