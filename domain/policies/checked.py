"""A policy with its expressions compiled and checked against the catalogues."""

from collections.abc import Mapping
from typing import Final, NamedTuple
from uuid import UUID

from pydantic import JsonValue

from domain.command_data.base import CommandSpec
from domain.commands import COMMANDS
from domain.event_catalogue import EVENTS
from domain.ids import NS, derive
from domain.policies.cost import BUDGET
from domain.policies.document import CommandTemplate, PolicyDocument
from domain.policies.expression import BadExpression, Expression, Values
from domain.policies.guards import Guard, guards_of
from domain.policies.names import compile_checked, wire_names
from domain.policies.refusal import invalid_expression, invalid_policy
from domain.process_commands import SAGA_COMMANDS

SENDABLE: Final[Mapping[str, CommandSpec]] = {
    command_type: spec
    for command_type, spec in {**COMMANDS, **SAGA_COMMANDS}.items()
    if not spec.kinds or "policy" in spec.kinds
}
"""Commands that a policy may send: not those on policies, and not those that only sagas or sweeps send."""
DENIABLE: Final[Mapping[str, CommandSpec]] = {
    command_type: spec for command_type, spec in COMMANDS.items() if not spec.kinds
}
"""Commands that a deny rule may refuse: not those with which sagas finish what was begun."""

Template = JsonValue | Expression | list["Template"] | dict[str, "Template"]


class CompiledCommand(NamedTuple):
    """The command of a policy, its expressions compiled."""

    type: str
    subject: Expression
    expectedversion: Expression | None
    data: dict[str, Template]
    reads: frozenset[str]
    """Variables that its expressions use."""
    share: int
    """How many expressions it has: they share the budget of one."""

    def render(self, values: Values) -> dict[str, JsonValue]:
        """The payload. Raises Unclear."""
        return {name: _render(part, values, self.share) for name, part in self.data.items()}


class CheckedPolicy(NamedTuple):
    """A policy whose expressions are compiled. Immutable; keep it, since compiling costs about a millisecond."""

    document: PolicyDocument
    condition: Expression
    command: CompiledCommand | None
    namespace: UUID
    """Of the ids of its commands."""
    guards: tuple[Guard, ...] = ()
    """Parts of the condition that often tell without the engine that it is false."""

    @property
    def policy_id(self) -> str:
        """Its id."""
        return self.document.policy_id

    @property
    def version(self) -> int:
        """Its version."""
        return self.document.version

    @property
    def name(self) -> str:
        """``<policy_id>@<version>``, as actors and counters have it."""
        return self.document.name

    @property
    def trigger(self) -> str:
        """The event type (effect ``send``) or command type (effect ``deny``) on which it is asked."""
        return self.document.trigger


_COMPILED: Final[dict[str, CheckedPolicy]] = {}
_MOST_COMPILED: Final = 1_000


def compiled(document: PolicyDocument) -> CheckedPolicy:
    """The policy of a document, compiled, without running its examples. Kept by id and version.

    Raises Refused ``policy_invalid``; of a document that was registered once, only if a later release lacks what it names.
    """
    kept = _COMPILED.get(document.name)
    if kept is not None and kept.document == document:
        return kept
    policy = _compile(document)
    if len(_COMPILED) >= _MOST_COMPILED:
        _COMPILED.clear()
    _COMPILED[document.name] = policy
    return policy


def _compile(document: PolicyDocument) -> CheckedPolicy:
    _check_trigger(document)
    condition = _expression(("document", "condition"), document.condition, document)
    if condition.returns not in _TRUTHS:
        raise invalid_policy(("document", "condition"), "not_bool", f"gives {condition.returns}, not true or false")
    command = None if document.command is None else _command(document.command, document)
    guards = guards_of(condition.tree.root, "event" if document.effect == "send" else "command")
    return CheckedPolicy(document, condition, command, UUID(derive(NS, f"policy:{document.name}")), guards)


_TRUTHS: Final = frozenset({"BOOL", "DYN"})
_SUBJECTS: Final = frozenset({"STRING", "DYN"})
_VERSIONS: Final = frozenset({"INT", "UINT", "DYN"})


def _check_trigger(document: PolicyDocument) -> None:
    known: Mapping[str, object] = EVENTS if document.effect == "send" else DENIABLE
    if document.trigger not in known:
        what = "an event type" if document.effect == "send" else "a command that may be refused"
        raise invalid_policy(("document", "trigger"), "unknown_type", f"{document.trigger!r} is not {what}")
    if (document.command is None) == (document.effect == "send"):
        rule = "missing" if document.command is None else "command_of_deny_rule"
        raise invalid_policy(("document", "command"), rule)


def _command(template: CommandTemplate, document: PolicyDocument) -> CompiledCommand:
    at = ("document", "command")
    spec = SENDABLE.get(template.type)
    if spec is None:
        raise invalid_policy(
            (*at, "type"), "unknown_type", f"{template.type!r} is not a command that a policy may send"
        )
    subject = _expression((*at, "subject"), template.subject, document, _SUBJECTS)
    version = template.expectedversion
    expected = None if version is None else _expression((*at, "expectedversion"), version, document, _VERSIONS)
    _check_fields(spec, template.data)
    data = {name: _template((*at, "data", name), part, document) for name, part in template.data.items()}
    expressions = [subject, *([] if expected is None else [expected]), *expressions_of(data)]
    if sum(expression.units for expression in expressions) > BUDGET:
        raise invalid_policy(at, "too_costly", "its expressions together may take too long")
    reads = frozenset[str]().union(*(expression.reads for expression in expressions))
    return CompiledCommand(template.type, subject, expected, data, reads, len(expressions))


def _check_fields(spec: CommandSpec, data: Mapping[str, JsonValue]) -> None:
    fields = wire_names(spec.model)
    for name in data:
        if name not in fields:
            there_are = ", ".join(sorted(fields)) or "none"
            raise invalid_policy(("document", "command", "data", name), "extra_forbidden", f"fields are: {there_are}")
    for name, required in fields.items():
        if required and name not in data:
            raise invalid_policy(("document", "command", "data", name), "missing")


def _template(path: tuple[str | int, ...], part: JsonValue, document: PolicyDocument) -> Template:
    if isinstance(part, str) and part.startswith("="):
        return _expression(path, part[1:], document)
    if isinstance(part, list):
        return [_template((*path, index), item, document) for index, item in enumerate(part)]
    if isinstance(part, dict):
        return {name: _template((*path, name), member, document) for name, member in part.items()}
    return part


def _expression(
    path: tuple[str | int, ...], text: str, document: PolicyDocument, kinds: frozenset[str] | None = None
) -> Expression:
    try:
        expression = compile_checked(text, document.effect, document.trigger)
    except BadExpression as error:
        raise invalid_expression(path, error) from None
    if kinds is not None and expression.returns not in kinds:
        raise invalid_policy(path, "type", f"gives {expression.returns}")
    return expression


def expressions_of(template: Template) -> list[Expression]:
    """All expressions in a template, or in a part of one."""
    if isinstance(template, Expression):
        return [template]
    parts = template.values() if isinstance(template, dict) else template if isinstance(template, list) else ()
    return [expression for part in parts for expression in expressions_of(part)]


def _render(part: Template, values: Values, share: int) -> JsonValue:
    if isinstance(part, Expression):
        return part.evaluate(values, share=share)
    if isinstance(part, list):
        return [_render(item, values, share) for item in part]
    if isinstance(part, dict):
        return {name: _render(member, values, share) for name, member in part.items()}
    return part
