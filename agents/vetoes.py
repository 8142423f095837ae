"""Deny rules at work: a command that one of them objects to is refused before it is decided, on the person that it meets.

Guarantee: a rule that cannot be evaluated objects to nothing, and is recorded. A command whose events are stored is never refused, whatever
rules say by then."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from agents.policy_counters import PolicyCounters
from agents.rule_book import InForce, RuleBook
from domain.commands import Command
from domain.person import Person
from domain.policies.checked import CheckedPolicy
from domain.policies.evaluation import Judgement, objects
from domain.policies.occasion import Occasion
from domain.policies.rule_events import decided, rule_event_subject, write_rule_event
from domain.refusals import Refused
from lanes.failure import stack_of
from tables.policies import Message

logger = logging.getLogger(__name__)


class Objections(NamedTuple):
    """What deny rules say about a command: a refusal or none, and what is to be recorded of it once the outcome is durable."""

    refused: Refused | None = None
    records: Sequence[Message] = ()


NO_OBJECTIONS: Final = Objections()
DEFECT: Final = Judgement("indeterminate", "defect")
"""The answer of a rule that has raised an error."""


class Vetoes:
    """Asks the deny rules that are in force."""

    def __init__(self, book: RuleBook, counters: PolicyCounters) -> None:
        self._book = book
        self._counters = counters

    def on(self, command: Command, person: Person) -> Objections:
        """What the deny rules say about a command on a person. The first that denies is the answer, all are recorded."""
        rules = self._book.denials(command.type)
        if not rules or any(recorded[0] == command.id for recorded in person.recent):
            return NO_OBJECTIONS
        refused: Refused | None = None
        records: list[Message] = []
        occasion = Occasion.of_command(command, person)
        for rule in rules:
            policy = rule.policy
            started = time.perf_counter()
            judgement, recorded = _answer(rule, command, occasion)
            self._counters.asked(policy.policy_id, judgement, time.perf_counter() - started)
            records += recorded
            if judgement.verdict == "denied" and refused is None:
                refused = Refused("denied_by_policy", policy=policy.policy_id, version=policy.version)
        return Objections(refused, records)


def _answer(rule: InForce, command: Command, occasion: Occasion) -> tuple[Judgement, Sequence[Message]]:
    """What a rule says, and its record. A rule that fails objects to nothing."""
    policy = rule.policy
    try:
        judgement = objects(policy, occasion, shadow=rule.shadow)
        return judgement, () if judgement.verdict == "silent" else (_record(policy, occasion, judgement),)
    except Exception as error:
        logger.error("deny rule %s failed on command %s: %s", policy.name, command.id, stack_of(error))
    with suppress(Exception):
        return DEFECT, (_record(policy, occasion, DEFECT),)
    return DEFECT, ()


def _record(policy: CheckedPolicy, occasion: Occasion, judgement: Judgement) -> Message:
    record = decided(policy, occasion, judgement)
    return Message(rule_event_subject("decided", policy.policy_id), record.id, write_rule_event(record))
