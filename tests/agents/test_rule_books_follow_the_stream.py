"""Rule books and the agent that decides on rules: what is in the stream is in the book, and one order of decisions for all."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from agents import rule_book
from agents.decide_rule import DecideRule
from agents.rule_book import RuleBook
from bridge.dead_letters import DeadLetters
from domain.policies.checked import CheckedPolicy, compiled
from domain.policies.document import PolicyDocument
from domain.refusals import Refused
from lanes.ownership import Ownership
from ops.client import CommandMessage
from tests.agents.policies import deny_rule, name_policy

if TYPE_CHECKING:
    from tests.agents.conftest import Persons, Worker

UPDATED, RENAMED = "person.commands.update", "person.name_updated"


@pytest.fixture
def decider(worker: Worker) -> DecideRule:
    letters = DeadLetters(worker.nc, "person.dlq")
    return DecideRule(worker.outcomes, worker.nc, letters, Ownership(worker._producer), worker.policy_counters)


def ask(of: dict[str, Any], verb: str, **data: Any) -> CommandMessage:
    """A command on a policy."""
    return CommandMessage(f"person.commands.rules.{verb}", data, target=of["policy_id"])


def names(book: RuleBook, *documents: dict[str, Any]) -> dict[str, list[tuple[int, bool]]]:
    """Which versions of some policies are asked, and whether in shadow."""
    asked = [*book.in_force(RENAMED), *book.denials(UPDATED)]
    return {
        one["policy_id"]: [
            (rule.policy.version, rule.shadow) for rule in asked if rule.policy.policy_id == one["policy_id"]
        ]
        for one in documents
    }


async def test_decisions_are_in_every_book_as_soon_as_they_are_stored(
    worker: Worker, persons: Persons, decider: DecideRule
) -> None:
    policy, denying = name_policy(persons.new()), deny_rule(persons.new())
    policy_id, rule_id = policy["policy_id"], denying["policy_id"]
    await worker.rules.start()
    try:
        for commands, expected in (
            ([ask(policy, "register", document=policy), ask(denying, "register", document=denying)], ([], [])),
            ([ask(policy, "activate", version=1), ask(denying, "shadow", version=1)], ([(1, False)], [(1, True)])),
            ([ask(policy, "register", document={**policy, "version": 2})], ([(1, False)], [(1, True)])),
            (
                [ask(policy, "shadow", version=2), ask(denying, "activate", version=1)],
                ([(1, False), (2, True)], [(1, False)]),
            ),
            ([ask(policy, "activate", version=2), ask(denying, "suspend", version=1)], ([(2, False)], [])),
        ):
            outcomes = await worker.decide_records(worker.commands(*commands), decider=decider)
            assert [one["status"] for one in outcomes] == ["accepted"] * len(commands), outcomes
            async with asyncio.timeout(1.0):
                # A second is what a book may take when it hears of nothing.
                while names(worker.rules, policy, denying) != {policy_id: expected[0], rule_id: expected[1]}:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        assert worker.rules.names >= {f"{policy_id}@2"}
    finally:
        await worker.rules.stop()


async def test_a_command_on_a_rule_that_comes_again_gets_its_first_outcome_also_when_its_row_was_lost(
    worker: Worker, persons: Persons, decider: DecideRule
) -> None:
    policy = name_policy(persons.new())
    register = ask(policy, "register", document=policy).with_id()
    first, again = await worker.decide_records(worker.commands(register, register), decider=decider)
    worker.forget_outcomes()
    [lost] = await worker.decide_records(worker.commands(register), decider=decider)

    assert first == again == lost
    assert (first["status"], first["target"], first["version"]) == ("accepted", policy["policy_id"], 1)
    [refused] = await worker.decide_records(worker.commands(ask(policy, "register", document=policy)), decider=decider)
    assert (refused["status"], refused["code"]) == ("refused", "policy_version_exists")


async def test_two_deciders_at_once_register_a_version_once(
    worker: Worker, persons: Persons, decider: DecideRule
) -> None:
    policy = name_policy(persons.new())
    commands = [ask(policy, "register", document={**policy, "title": title}).with_id() for title in ("One", "Two")]
    asked = [decider._intake.read(record) for record in worker.commands(*commands)]

    outcomes = await asyncio.gather(*(decider._decide(3, command) for command in asked))

    assert sorted((one.status, one.code) for one in outcomes) == [
        ("accepted", None),
        ("refused", "policy_version_exists"),
    ]


async def test_what_cannot_be_read_or_compiled_is_left_out_and_stops_nothing(
    worker: Worker, persons: Persons, decider: DecideRule, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound, outdated = name_policy(persons.new()), name_policy(persons.new())
    await persons.nc.request(f"person.rules.activated.{sound['policy_id']}", b"no rule event")
    commands = [
        ask(one, verb, **data)
        for one in (sound, outdated)
        for verb, data in (("register", {"document": one}), ("activate", {"version": 1}))
    ]
    assert {one["status"] for one in await worker.decide_records(worker.commands(*commands), decider=decider)} == {
        "accepted"
    }

    def of_this_release(document: PolicyDocument) -> CheckedPolicy:
        if document.policy_id == outdated["policy_id"]:
            raise Refused("policy_invalid", field="document.trigger", rule="unknown_type")
        return compiled(document)

    monkeypatch.setattr(rule_book, "compiled", of_this_release)
    await worker.rules.look()

    assert names(worker.rules, sound, outdated) == {sound["policy_id"]: [(1, False)], outdated["policy_id"]: []}
    assert (outdated["policy_id"], 1, "document.trigger: unknown_type") in worker.rules.unusable


async def test_a_book_that_was_cut_off_while_it_turned_the_page_turns_it_later(
    worker: Worker, persons: Persons, decider: DecideRule, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = name_policy(persons.new(), policy_id=f"test-{uuid.uuid4().hex[:12]}")
    commands = [ask(policy, "register", document=policy), ask(policy, "activate", version=1)]
    await worker.decide_records(worker.commands(*commands), decider=decider)

    with monkeypatch.context() as patched:
        patched.setattr(rule_book, "compiled", _fail)
        with pytest.raises(TimeoutError):
            await worker.rules.look()
    assert names(worker.rules, policy) == {policy["policy_id"]: []}
    await worker.rules.look()

    assert names(worker.rules, policy) == {policy["policy_id"]: [(1, False)]}


def _fail(_: PolicyDocument) -> CheckedPolicy:
    raise TimeoutError
