"""Deny rules at work: a command that one of them objects to is refused before it is decided, on the person that it meets.

Guarantee: a rule that cannot be evaluated objects to nothing, and is recorded. A command whose events are stored is never refused, whatever
rules say by then."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import NamedTuple

from agents.policy_counters import PolicyCounters
from agents.rule_book import RuleBook
from domain.commands import Command
from domain.person import Person
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


NO_OBJECTIONS = Objections()


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
        for policy, shadow in rules:
            started = time.perf_counter()
            try:
                judgement = objects(policy, occasion, shadow=shadow)
            except Exception as error:
                logger.error("deny rule %s failed on command %s: %s", policy.name, command.id, stack_of(error))
                judgement = Judgement("indeterminate", "defect")
            self._counters.asked(policy.policy_id, judgement, time.perf_counter() - started)
            if judgement.verdict == "silent":
                continue
            record = decided(policy, occasion, judgement)
            subject = rule_event_subject("decided", policy.policy_id)
            records.append(Message(subject, record.id, write_rule_event(record)))
            if judgement.verdict == "denied" and refused is None:
                refused = Refused("denied_by_policy", policy=policy.policy_id, version=policy.version)
        return Objections(refused, records)
