"""Examples of a policy: occasions that its author thought of. A policy that does not pass its own is not registered."""

from collections.abc import Mapping
from typing import Any, Final

import orjson
from pydantic import JsonValue, ValidationError

from domain.canonical import plain_members
from domain.commands import COMMANDS
from domain.event_catalogue import EVENTS
from domain.fields import broken_rule
from domain.policies.checked import SENDABLE, CheckedPolicy
from domain.policies.document import PolicyExample
from domain.policies.evaluation import PlannedCommand, evaluate, plan
from domain.policies.expression import FAULTS
from domain.policies.facts import FACTS, UNREMARKABLE
from domain.policies.names import CAUSE, cause_members, empty_columns, summary_columns, vocabulary_of
from domain.policies.occasion import Cause, Occasion
from domain.policies.refusal import invalid_policy
from domain.times import parse_instant

PERSON: Final = "0190c8a2-7b1e-7c3d-9a4f-000000000001"
"""Subject of an example that names none."""
CAUSE_ID: Final = "0190c8a2-7b1e-7c3d-9a4f-000000000002"
"""Id of an example that names none."""
TIME: Final = "2026-01-01T00:00:00Z"
"""Time of an example that names none."""

Path = tuple[str | int, ...]


def run_examples(policy: CheckedPolicy) -> None:
    """Compares a policy with its examples. Raises Refused ``policy_invalid`` for the first that is not as expected."""
    examples = policy.document.examples
    # What reads nothing gives the same on every occasion.
    needed = ("fires", "silent") if policy.condition.reads else ("fires",)
    for expected in needed:
        if not any(example.expect == expected for example in examples):
            raise invalid_policy(("document", "examples"), "example_missing", f"there is no example that {expected}")
    for index, example in enumerate(examples):
        _run(policy, example, ("document", "examples", index))


def occasion_of(policy: CheckedPolicy, example: PolicyExample, path: Path) -> Occasion:
    """The occasion that an example describes; what it leaves out is unremarkable. Raises Refused ``policy_invalid``."""
    effect = policy.document.effect
    variable = CAUSE[effect]
    given = example.event if effect == "send" else example.command
    if given is None:
        raise invalid_policy((*path, variable), "missing")
    if effect == "deny" and example.event is not None:
        raise invalid_policy((*path, "event"), "event_of_deny_rule")
    _known((*path, variable), given, cause_members(effect))
    _known((*path, "summary"), example.summary, summary_columns())
    _known((*path, "facts"), example.facts, frozenset(FACTS))
    view: dict[str, JsonValue] = {
        "id": CAUSE_ID,
        "type": policy.trigger,
        "subject": PERSON,
        "time": TIME,
        "actor": "user:example",
        "correlationid": given.get("id", CAUSE_ID),
        "depth": 0,
        **({"sequence": 1} if effect == "send" else {}),
        **given,
        "data": _payload(policy, given.get("data", {}), (*path, variable, "data")),
    }
    if view["type"] != policy.trigger:
        raise invalid_policy((*path, variable, "type"), "type_differs")
    cause = _cause(view, (*path, variable))
    summary, facts = _summary(example), {**UNREMARKABLE, **example.facts}
    sources = {variable: lambda: view, "summary": lambda: summary, "facts": lambda: facts}
    return Occasion(cause, vocabulary_of(effect), sources)


def _summary(example: PolicyExample) -> dict[str, JsonValue]:
    """The row; a document cannot hold null, so columns that are null in most rows are filled in."""
    return {**dict.fromkeys(empty_columns()), **example.summary} if example.summary else {}


def _run(policy: CheckedPolicy, example: PolicyExample, path: Path) -> None:
    occasion = occasion_of(policy, example, path)
    found = evaluate(policy, occasion)
    if found.truth != example.expect:
        why = f" ({FAULTS[found.fault]})" if found.fault else ""
        explanation = f"expected {example.expect}, got {found.truth}{why}"
        raise invalid_policy((*path, "expect"), "example_failed", explanation, got=found.truth, fault=found.fault)
    if policy.command is None:
        return
    if found.truth == "silent":
        if example.command is not None:
            raise invalid_policy((*path, "command"), "command_of_silent_example")
        return
    planned = plan(policy, occasion)
    if isinstance(planned, str):
        raise invalid_policy(("document", "command"), planned, f"{FAULTS[planned]}, in example {path[-1]}")
    _check_command(planned, example.command or {}, path)


def _check_command(planned: PlannedCommand, expected: Mapping[str, JsonValue], path: Path) -> None:
    command: dict[str, Any] = orjson.loads(planned.body)
    command["data"].pop("context")
    try:
        SENDABLE[planned.type].model.admit(command["data"])
    except ValidationError as error:
        field, rule = broken_rule(error, "document", "command", "data")
        explanation = f"example {path[-1]} breaks the rule {rule}"
        raise invalid_policy(tuple(field.split(".")), rule, explanation) from None
    _known((*path, "command"), expected, frozenset(("type", "subject", "expectedversion", "data")))
    for name, value in expected.items():
        if command.get(name) != value:
            got = orjson.dumps(command.get(name)).decode()
            raise invalid_policy((*path, "command", name), "example_failed", f"the policy sends {got[:200]}")


def _known(path: Path, given: Mapping[str, JsonValue], names: frozenset[str]) -> None:
    for name in given:
        if name not in names:
            raise invalid_policy((*path, name), "unknown_field", f"there are: {', '.join(sorted(names))}")


def _payload(policy: CheckedPolicy, data: JsonValue, path: Path) -> dict[str, JsonValue]:
    if not isinstance(data, dict):
        raise invalid_policy(path, "object")
    try:
        if policy.document.effect == "deny":
            return plain_members(COMMANDS[policy.trigger].model.admit(data))
        return plain_members(EVENTS[policy.trigger].model.restore(data))
    except ValidationError as error:
        field, rule = broken_rule(error)
        raise invalid_policy((*path, *field.split(".")), rule) from None


def _cause(view: Mapping[str, Any], path: Path) -> Cause:
    texts = ("id", "subject", "time", "actor", "correlationid")
    for name in texts:
        if not isinstance(view[name], str):
            raise invalid_policy((*path, name), "string_type")
    for name in ("depth", "sequence"):
        if type(view.get(name, 0)) is not int:
            raise invalid_policy((*path, name), "int_type")
    try:
        time = parse_instant(view["time"])
    except ValueError:
        raise invalid_policy((*path, "time"), "instant") from None
    return Cause(
        view["id"],
        view["type"],
        view["subject"],
        view.get("sequence"),
        time,
        view["correlationid"],
        view["depth"],
        None,
    )
