"""What a policy says about one occasion, and the command that it leads to. Never raises for what a policy or an event holds."""

from typing import Any, Final, Literal, NamedTuple

from pydantic import JsonValue

from domain.canonical import NotCanonical, encode
from domain.envelope import CONTENT_TYPE, MAX_DEPTH, SPEC_VERSION
from domain.ids import derive, is_person_id
from domain.policies.checked import CheckedPolicy
from domain.policies.expression import Unclear, Values
from domain.policies.guards import exclude
from domain.policies.occasion import Cause, Occasion
from domain.process_commands import SAGA_COMMANDS

SOURCE: Final = "/person/policy"
MAX_COMMAND_BYTES: Final = 128 * 1024
"""A command that would be larger is not sent: it might not fit into a message."""

Truth = Literal["fires", "silent", "indeterminate"]
Verdict = Literal["fired", "would_fire", "silent", "indeterminate", "blocked_depth", "refused", "denied", "would_deny"]


class Finding(NamedTuple):
    """What a condition comes to. `fault` says why it is indeterminate, by a code of `expression.FAULTS`, never by values."""

    truth: Truth
    fault: str | None = None


class PlannedCommand(NamedTuple):
    """A command that a policy sends: its id, its type (which is its subject) and its bytes."""

    id: str
    type: str
    body: bytes


class Judgement(NamedTuple):
    """What becomes of one policy on one occasion. There is a command exactly when the verdict is ``fired`` or ``would_fire``."""

    verdict: Verdict
    fault: str | None = None
    command: PlannedCommand | None = None


SILENT: Final = Judgement("silent")


def evaluate(policy: CheckedPolicy, occasion: Occasion) -> Finding:
    """What the condition comes to."""
    if policy.guards and exclude(policy.guards, occasion.payload):
        return _STAYS_SILENT
    condition = policy.condition
    try:
        found = condition.evaluate(occasion.values(condition.reads))
    except Unclear as error:
        return Finding("indeterminate", error.fault)
    if found is True:
        return _FIRES
    return _STAYS_SILENT if found is False else Finding("indeterminate", "not_bool")


def plan(policy: CheckedPolicy, occasion: Occasion) -> PlannedCommand | str:
    """The command that the policy sends on this occasion, or the fault that leaves it without one."""
    command = policy.command
    assert command is not None
    command_id = derive(policy.namespace, occasion.cause.id)
    try:
        values = occasion.values(command.reads)
        document = _document(policy, occasion.cause, values, command_id)
        body = encode(document)
    except Unclear as error:
        return error.fault
    except NotCanonical:
        return "no_command"
    return PlannedCommand(command_id, command.type, body) if len(body) <= MAX_COMMAND_BYTES else "no_command"


def judge(policy: CheckedPolicy, occasion: Occasion, *, shadow: bool) -> Judgement:
    """Condition, command and depth together: what to record, and what to send unless the policy is in shadow."""
    found = evaluate(policy, occasion)
    if found.truth == "silent":
        return SILENT
    if found.truth == "indeterminate":
        return Judgement("indeterminate", found.fault)
    if occasion.cause.depth >= MAX_DEPTH:
        return Judgement("blocked_depth")
    command = plan(policy, occasion)
    if isinstance(command, str):
        return Judgement("indeterminate", command)
    return Judgement("would_fire" if shadow else "fired", None, command)


def objects(policy: CheckedPolicy, occasion: Occasion, *, shadow: bool) -> Judgement:
    """The same of a deny rule, on the occasion of a command: ``denied`` or ``would_deny``, ``silent`` or ``indeterminate``."""
    found = evaluate(policy, occasion)
    if found.truth == "silent":
        return SILENT
    if found.truth == "indeterminate":
        return Judgement("indeterminate", found.fault)
    return Judgement("would_deny" if shadow else "denied")


_FIRES: Final = Finding("fires")
_STAYS_SILENT: Final = Finding("silent")


def _document(policy: CheckedPolicy, cause: Cause, values: Values, command_id: str) -> dict[str, Any]:
    command = policy.command
    assert command is not None
    subject = command.subject.evaluate(values, share=command.share)
    if not is_person_id(subject):
        raise Unclear("no_command")
    expected: JsonValue = (
        None if command.expectedversion is None else command.expectedversion.evaluate(values, share=command.share)
    )
    if expected is not None and (isinstance(expected, bool) or not isinstance(expected, int)):
        raise Unclear("no_command")
    data = {name: value for name, value in command.render(values).items() if value is not None}
    document: dict[str, Any] = {
        "specversion": SPEC_VERSION,
        "id": command_id,
        "type": command.type,
        "dataversion": 1,
        "source": SOURCE,
        "subject": subject,
        "time": cause.time,
        "datacontenttype": CONTENT_TYPE,
        "correlationid": cause.correlationid,
        "causationid": cause.id,
        "causationdepth": cause.depth + 1,
        "actor": f"policy:{policy.name}",
        "expectedversion": expected,
        "traceparent": cause.traceparent,
        "data": {**data, "context": {"policy": policy.name}},
    }
    if command.type in SAGA_COMMANDS:
        document["partitionkey"] = cause.person_id
    return document
