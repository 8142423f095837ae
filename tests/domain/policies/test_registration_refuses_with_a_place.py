"""A document is registered only if it compiles, fits the catalogues and passes its examples; a refusal names field, rule and place."""

from typing import Any

import pytest

from domain.policies.checked import DENIABLE, SENDABLE
from domain.policies.document import MAX_EXAMPLES
from domain.policies.registration import MAX_BYTES, check, compiled
from tests.domain.policies.documents import INACTIVE, conditional, deny, document, refusal
from tests.domain.specification import uuid

FIRES = {"event": {"data": INACTIVE}, "expect": "fires"}
SILENT = {"event": {"data": {**INACTIVE, "days": 30}}, "expect": "silent"}
ARCHIVE = {"type": "person.commands.lifecycle.archive", "data": {"reason": "inactive"}}


def test_a_good_document_is_taken_as_it_is() -> None:
    policy = check(document())
    assert (policy.name, policy.trigger, policy.document.protected) == ("auto-archive@1", "person.inactive_for", False)
    assert compiled(policy.document) is policy


@pytest.mark.parametrize(
    ("changes", "field", "rule"),
    [
        ({"policy_id": "A"}, "document.policy_id", "string_pattern_mismatch"),
        ({"policy_id": "ab"}, "document.policy_id", "string_pattern_mismatch"),
        ({"version": 0}, "document.version", "greater_than_equal"),
        ({"version": None}, "document.version", "missing"),
        ({"title": ""}, "document.title", "label_length"),
        ({"status": "active"}, "document.status", "extra_forbidden"),
        ({"trigger": "person.unheard_of"}, "document.trigger", "unknown_type"),
        ({"trigger": "person.commands.create"}, "document.trigger", "unknown_type"),
        ({"condition": ""}, "document.condition", "empty"),
        ({"condition": "event.data.days"}, "document.examples.0.expect", "example_failed"),
        ({"condition": "event.sequence + 1"}, "document.condition", "not_bool"),
        ({"condition": "'yes'"}, "document.condition", "not_bool"),
        ({"condition": "event.data.dayz > 1"}, "document.condition", "unknown_field"),
        ({"condition": "event.dat.days > 1"}, "document.condition", "unknown_field"),
        ({"condition": "event['data']['dayz'] > 1"}, "document.condition", "unknown_field"),
        ({"condition": "summary.state == 'Active'"}, "document.condition", "unknown_field"),
        ({"condition": "facts.mail_valid"}, "document.condition", "unknown_field"),
        ({"condition": "command.type == 'x'"}, "document.condition", "unknown_name"),
        ({"condition": "1 + true"}, "document.condition", "type"),
        ({"condition": "event.data.days >"}, "document.condition", "syntax"),
        ({"condition": "event.id.matches(event.type)"}, "document.condition", "pattern_not_literal"),
        ({"condition": "true\n && true"}, "document.condition", "control_character"),
        ({"command": None}, "document.command", "missing"),
        ({"command": {"type": "person.commands.nothing"}}, "document.command.type", "unknown_type"),
        ({"command": {"type": "person.commands.rules.retire"}}, "document.command.type", "unknown_type"),
        ({"command": {"type": "person.commands.merge.absorb"}}, "document.command.type", "unknown_type"),
        ({"command": {"type": ARCHIVE["type"]}}, "document.command.data.reason", "missing"),
        ({"command": {**ARCHIVE, "data": {"why": "x"}}}, "document.command.data.why", "extra_forbidden"),
        ({"command": {**ARCHIVE, "data": {"reason": "="}}}, "document.command.data.reason", "empty"),
        ({"command": {**ARCHIVE, "data": {"reason": "=event.x"}}}, "document.command.data.reason", "unknown_field"),
        ({"command": {**ARCHIVE, "data": {"reason": ""}}}, "document.command.data.reason", "reason_length"),
        (
            {"command": {**ARCHIVE, "data": {"reason": "=event.sequence"}}},
            "document.command.data.reason",
            "string_type",
        ),
        ({"command": {**ARCHIVE, "subject": "1 + 1"}}, "document.command.subject", "type"),
        ({"command": {**ARCHIVE, "subject": "'nobody'"}}, "document.command", "no_command"),
        ({"command": {**ARCHIVE, "expectedversion": "'1'"}}, "document.command.expectedversion", "type"),
        ({"examples": []}, "document.examples", "example_missing"),
        ({"examples": [FIRES]}, "document.examples", "example_missing"),
        ({"examples": [SILENT] * (MAX_EXAMPLES + 1)}, "document.examples", "example_count"),
        ({"examples": [{**FIRES, "expect": "silent"}, SILENT]}, "document.examples", "example_missing"),
        ({"examples": [FIRES, SILENT, {**SILENT, "expect": "fires"}]}, "document.examples.2.expect", "example_failed"),
        ({"examples": [{"expect": "fires"}, SILENT]}, "document.examples.0.event", "missing"),
        ({"examples": [{**FIRES, "event": {"data": {}}}, SILENT]}, "document.examples.0.event.data.days", "missing"),
        (
            {"examples": [{**FIRES, "event": {"data": INACTIVE, "when": 1}}, SILENT]},
            "document.examples.0.event.when",
            "unknown_field",
        ),
        (
            {"examples": [{**FIRES, "event": {"data": INACTIVE, "type": "person.created"}}, SILENT]},
            "document.examples.0.event.type",
            "type_differs",
        ),
        (
            {"examples": [{**FIRES, "event": {"data": INACTIVE, "time": "noon"}}, SILENT]},
            "document.examples.0.event.time",
            "instant",
        ),
        (
            {"examples": [{**FIRES, "event": {"data": INACTIVE, "depth": "1"}}, SILENT]},
            "document.examples.0.event.depth",
            "int_type",
        ),
        (
            {"examples": [{**FIRES, "summary": {"state": 1}}, SILENT]},
            "document.examples.0.summary.state",
            "unknown_field",
        ),
        ({"examples": [{**FIRES, "facts": {"x": 1}}, SILENT]}, "document.examples.0.facts.x", "unknown_field"),
        (
            {"examples": [{**FIRES, "command": {"data": {"reason": "other"}}}, SILENT]},
            "document.examples.0.command.data",
            "example_failed",
        ),
        (
            {"examples": [FIRES, {**SILENT, "command": {"data": {}}}]},
            "document.examples.1.command",
            "command_of_silent_example",
        ),
        ({"effect": "warn"}, "document.effect", "literal_error"),
        ({"title": "x" * MAX_BYTES}, "document", "document_size"),
        ({"title": float("nan")}, "document.title", "finite_number"),
    ],
)
def test_a_bad_document_names_its_field_and_rule(changes: dict[str, Any], field: str, rule: str) -> None:
    found = refusal(document(**changes))
    assert (found.facts["field"], found.facts["rule"]) == (field, rule)
    assert found.reason == f"{field}: {rule}"
    assert found.explanation.startswith(f"{field}: ")


def test_a_bad_expression_names_line_and_column() -> None:
    found = refusal(conditional("event.data.days > 365 && event.data.dayz < 3"))
    assert (found.facts["line"], found.facts["column"]) == (1, 36)
    assert "days, last_activity_at, threshold" in found.explanation


def test_an_example_that_is_indeterminate_fails_with_the_fault() -> None:
    found = refusal(conditional("summary.status == 'Active'"))
    assert (found.facts["rule"], found.facts["got"], found.facts["fault"]) == (
        "example_failed",
        "indeterminate",
        "missing_key",
    )


def test_a_condition_that_reads_nothing_needs_no_silent_example() -> None:
    assert check(document(condition="true", examples=[FIRES])).condition.reads == frozenset()


def test_policies_send_neither_rule_commands_nor_what_only_sagas_and_sweeps_send() -> None:
    assert not any(name.startswith("person.commands.rules.") for name in SENDABLE)
    for only_of_others in ("lifecycle.absorb", "policy.record_inactivity", "privacy.confirm_erasure"):
        assert f"person.commands.{only_of_others}" not in SENDABLE
    assert "person.commands.saga.start" in SENDABLE


@pytest.mark.parametrize(
    ("changes", "field", "rule"),
    [
        ({"trigger": "person.archived"}, "document.trigger", "unknown_type"),
        ({"trigger": "person.commands.lifecycle.absorb"}, "document.trigger", "unknown_type"),
        ({"trigger": "person.commands.rules.retire"}, "document.trigger", "unknown_type"),
        ({"command": {"type": "person.commands.create"}}, "document.command", "command_of_deny_rule"),
        ({"condition": "event.type == 'x'"}, "document.condition", "unknown_name"),
        ({"condition": "command.sequence == 1"}, "document.condition", "unknown_field"),
        ({"examples": [{"event": {}, "expect": "fires"}] * 2}, "document.examples", "example_missing"),
    ],
)
def test_a_bad_deny_rule_names_its_field_and_rule(changes: dict[str, Any], field: str, rule: str) -> None:
    examples = [
        {"command": {"data": {"reason": "x"}, "actor": "job:nightly"}, "expect": "fires"},
        {"command": {"data": {"reason": "x"}, "actor": "user:ada"}, "expect": "silent"},
    ]
    good = deny("command.actor.startsWith('job:')", examples=examples)
    assert check(good).trigger in DENIABLE
    found = refusal({**good, **changes})
    assert (found.facts["field"], found.facts["rule"]) == (field, rule)


def test_an_outcome_quotes_nothing_of_the_document() -> None:
    secret = {"event": {"data": INACTIVE}, "command": {"data": {"reason": "31415"}}, "expect": "fires"}
    for wrong in (
        document(examples=[secret, SILENT]),
        document(condition="summary.status == '31415'"),
        document(condition="event.data.x31415"),
        document(trigger="x31415"),
        document(examples=[{"event": {"data": {**INACTIVE, "days": "31415"}}, "expect": "fires"}]),
    ):
        found = refusal(wrong)
        assert "31415" not in found.reason + str(found.facts)


@pytest.mark.parametrize(
    ("condition", "rule", "column"),
    [
        ("summary.status == 'active'", "unknown_value", 19),
        ("'Archive' != summary.status", "unknown_value", 1),
        ("summary.status in ['Active', 'Gone']", "unknown_value", 30),
        ("summary.version == '2'", "type", 20),
        ("event.data.days > '365'", "type", 19),
        ("summary.component_types == 'GitProfile'", "type", 28),
        ("facts.email_valid == 'yes'", "type", 22),
        ("facts.name_convention == 'western'", "unknown_value", 26),
        ("event.type == 'person.created'", "unknown_value", 15),
        ("event.sequence < true", "type", 18),
    ],
)
def test_a_comparison_that_never_holds_is_found(condition: str, rule: str, column: int) -> None:
    found = refusal(conditional(condition))
    assert (found.facts["rule"], found.facts["line"], found.facts["column"]) == (rule, 1, column)


@pytest.mark.parametrize(
    "condition",
    [
        "summary.status == 'Active' && event.data.days > 365.5",
        "summary.redirect_to == 'x' || summary.onboarding_run != null || event.data.days > 100",
        "summary.status in ['Active', 'Suspended'] && event.type != null && event.data.days > 100",
        "event.data.last_activity_at < '2027' && event.data.days > 100",
    ],
)
def test_a_comparison_that_may_hold_is_taken(condition: str) -> None:
    full = {"status": "Active", "redirect_to": None, "onboarding_run": None}
    examples = [{**FIRES, "summary": full}, {**SILENT, "summary": full}]
    assert check(conditional(condition, examples=examples)).version == 1


def test_component_types_are_known_by_name() -> None:
    examples = [{"event": {"data": {"component_id": uuid("x")}}, "expect": "fires"}]
    changes = {"trigger": "person.component_added", "examples": examples, "command": None, "effect": "send"}
    wrong = conditional("event.data.component_type == 'EmailAdress'", **changes)
    wrong["command"] = {"type": "person.commands.skills.analyze"}
    assert refusal(wrong).facts["rule"] == "unknown_value"
