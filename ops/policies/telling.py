"""Policies as an operator reads them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from domain.policies.expression import FAULTS
from domain.policies.refusal import PolicyInvalid
from domain.refusals import Refused
from domain.times import format_instant
from ops.policies.explaining import Explanation
from ops.policies.validating import Validation
from ops.policies.what_if import Replay, Would

_COUNTERS = ("fired", "would_fire", "denied", "would_deny", "refused", "indeterminate", "blocked_depth", "silent")
_NEXT = {
    "register": "it is a draft: try it with `person policies what-if {0}`, then `person policies shadow {0}`",
    "shadow": "it records what it would do: `person policies list --policy {1} --decisions`, then `person policies activate {0}`",
    "activate": "it is in force on every worker within two seconds",
    "suspend": "it is not asked any more: `person policies activate {0}` puts it in force again",
    "retire": "it is not asked any more, for good",
}
_OF_EVENT = {
    "person.rule.registered": "register",
    "person.rule.shadowed": "shadow",
    "person.rule.activated": "activate",
    "person.rule.suspended": "suspend",
    "person.rule.retired": "retire",
}


def told_validation(found: Validation) -> str:
    """One file: what the policy does, or the fault with the place."""
    policy = found.policy
    if policy is None:
        lines = [f"FAIL  {found.file}", f"      {found.fault}"]
        if found.excerpt is not None:
            column = int(found.facts["column"])
            lines += [f"      {found.excerpt}", f"      {' ' * (column - 1)}^"]
        return "\n".join(lines)
    document = policy.document
    does = f"sends {document.command.type}" if document.command else "refuses the command"
    count = len(document.examples)
    return "\n".join(
        (
            f"ok    {found.file}: {policy.name}, {document.title}",
            f"      on {policy.trigger} it {does}; {count} example{'s' if count > 1 else ''} as expected",
        )
    )


def told_refusal(refused: Refused) -> str:
    """A document that is not valid, in one line."""
    return f"{refused.code}: {refused.explanation if isinstance(refused, PolicyInvalid) else refused.reason}"


def told_outcome(done: Mapping[str, Any]) -> str:
    """The outcome of a command on a policy, and what comes next."""
    name = str(done["policy"])
    if done["status"] != "accepted":
        lines = [f"{name} {done['status']}: {done.get('code')}: {done.get('reason', '')}"]
        facts = done.get("facts") or {}
        lines += [f"  {fact}: {json.dumps(value, ensure_ascii=False)}" for fact, value in facts.items()]
        return "\n".join(lines)
    if done.get("registered_before"):
        return f"{name} is registered already, with the same document"
    event = str(done["events"][0]["type"])
    verb = _OF_EVENT[event]
    return f"{name} {event.removeprefix('person.rule.')}\nnext: {_NEXT[verb].format(name, name.partition('@')[0])}"


def told_rules(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A table of versions, and below it decisions if they were asked for."""
    if not rows:
        return ["no policy"]
    lines = []
    width = max(len(_name(row)) for row in rows)
    lines.append(f"{'POLICY':<{width}}  {'STATUS':<9}  {'ON':<32}  COUNTS")
    for row in rows:
        status = row["status"] if not row.get("unusable") else "unusable"
        lines.append(f"{_name(row):<{width}}  {status:<9}  {row['trigger']:<32}  {_counts(row['counters'])}")
        if row.get("unusable"):
            lines.append(f"  {row['unusable']}")
        for decision in row.get("decisions", ()):
            rest = {name: value for name, value in decision.items() if name not in ("at", "verdict")}
            lines.append(f"  {decision.get('at')}  {decision.get('verdict'):<13}  {_pairs(rest)}")
    return lines


def told_explanation(found: Explanation, status: str | None) -> list[str]:
    """An explanation: verdict, parts, inputs, command, records."""
    event = found.event
    lines = [
        f"policy    {found.policy.name} ({status or 'not registered'})",
        f"event     {event.id}  {event.type}  sequence {event.sequence} of person {event.person_id}",
    ]
    if found.not_asked_because is not None:
        lines.append(f"not asked: {found.not_asked_because}")
    if found.judgement is not None:
        lines += _told_verdict(found)
    for recorded in found.recorded:
        data = recorded.data
        rest = {"command": data.command_id, "code": data.code, "fault": data.fault}
        told = _pairs({name: value for name, value in rest.items() if value is not None})
        at = format_instant(recorded.stored_at)
        lines.append(f"recorded  {at}  {data.verdict} by version {data.version}  {told}".rstrip())
    if not found.recorded and found.asked:
        is_silent = found.judgement is not None and found.judgement.verdict == "silent"
        why = "silent decisions are counted only" if is_silent else "the policy was not in force then"
        lines.append(f"recorded  nothing: {why}")
    if found.same_inputs is not None:
        lines.append(f"inputs    {'the same' if found.same_inputs else 'not the same'} as in the recorded decision")
    return lines


def told_replay(replay: Replay, days: int, limit: int, show_data: bool) -> list[str]:
    """Counts, and the commands that would have been sent."""
    lines = [
        f"{replay.policy} on the events of the last {days} days",
        f"asked about {replay.events - replay.passed_over} events of {replay.persons} persons: {_counts(replay.verdicts) or 'none'}",
    ]
    if replay.passed_over:
        lines.append(f"passed over: {replay.passed_over} events that were imported or migrated")
    lines += [f"  {fault}: {count}, {FAULTS[fault]}" for fault, count in sorted(replay.faults.items())]
    lines += [f"unreadable: person {person_id}" for person_id in replay.unreadable]
    shown = replay.commands[:limit]
    lines += [line for would in shown for line in _told_command(would, show_data)]
    if len(shown) < len(replay.commands):
        lines.append(f"and {len(replay.commands) - len(shown)} more; --limit shows them")
    return lines


def _told_verdict(found: Explanation) -> list[str]:
    judgement = found.judgement
    assert judgement is not None
    why = f": {FAULTS[judgement.fault]}" if judgement.fault else ""
    lines = [f"verdict   {judgement.verdict}{why}"]
    for part in found.parts:
        value = str(part.value).lower() if isinstance(part.value, bool) else part.value
        lines.append(f"  {'  ' * part.depth}{value:<11}  {f'{part.joined} of' if part.joined else part.text}")
    for path, text in found.inputs.items():
        lines.append(f"reads     {path} = {'nothing: there is no such member' if text is None else text}")
    if found.command is not None:
        command = found.command
        lines.append(f"command   {command['type']}  {command['id']}")
        if "expectedversion" in command:
            lines.append(f"          expectedversion = {command['expectedversion']}")
        lines += [f"          data.{name} = {_text(value)}" for name, value in command["data"].items()]
    return lines


def _told_command(would: Would, show_data: bool) -> Iterable[str]:
    command = would.as_data()
    yield (
        f"  {command['stored_at']}  {command['type']}  {command['command_id']}\n"
        f"    on event {command['event_id']}, sequence {command['sequence']} of person {command['person_id']}"
    )
    if show_data:
        yield f"    {json.dumps(would.payload, ensure_ascii=False, sort_keys=True)}"


def _name(row: Mapping[str, Any]) -> str:
    return f"{row['policy_id']}@{row['version']}"


def _counts(counters: Mapping[str, int]) -> str:
    return ", ".join(f"{counters[name]} {name}" for name in _COUNTERS if counters.get(name))


def _pairs(values: Mapping[str, Any]) -> str:
    return "  ".join(f"{name} {value}" for name, value in values.items())


def _text(value: Any) -> str:
    return value if isinstance(value, str) and value.startswith("(personal") else json.dumps(value, ensure_ascii=False)
