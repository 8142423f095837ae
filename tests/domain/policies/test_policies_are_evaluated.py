"""A policy fires, is silent or says why it is neither; its command is complete, and the same for the same event."""

from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as forall

from agents.shipped_policies import shipped_documents
from domain.commands import read_command
from domain.components.email_address import EmailAddressComponent
from domain.envelope import MAX_DEPTH
from domain.event_data.component import ComponentAdded
from domain.event_data.lifecycle import PersonArchived
from domain.evolve import apply
from domain.policies.checked import CheckedPolicy
from domain.policies.evaluation import Judgement, evaluate, judge, plan
from domain.policies.occasion import Occasion
from domain.policies.registration import check
from domain.policies.rule_events import decided, read_rule_event, write_rule_event
from domain.process_commands import read_process_command
from tests.domain.generate_histories import Step, histories
from tests.domain.policies.documents import checked, document, happened, inactive, occasion, refusal
from tests.domain.specification import ADA, NOW, admitted, created, uuid

EVENT = "0190c8a2-7b1e-7c3d-9a4f-1b2c3d4e5f60"


def judged(policy: CheckedPolicy, asked: Occasion, *, shadow: bool = False) -> tuple[str, str | None]:
    found = judge(policy, asked, shadow=shadow)
    assert (found.command is not None) == (found.verdict in ("fired", "would_fire"))
    return found.verdict, found.fault


def body(found: Judgement) -> dict[str, Any]:
    assert found.command is not None
    document: dict[str, Any] = orjson.loads(found.command.body)
    return document


def test_a_policy_fires_or_is_silent() -> None:
    assert judged(checked(), occasion(inactive(366))) == ("fired", None)
    assert judged(checked(), occasion(inactive(365))) == ("silent", None)


def test_a_policy_in_shadow_would_fire() -> None:
    asked = occasion(inactive())
    assert judged(checked(), asked, shadow=True) == ("would_fire", None)
    assert judge(checked(), asked, shadow=True).command == judge(checked(), asked, shadow=False).command


def test_the_command_is_complete_and_an_edge_takes_it() -> None:
    found = judge(checked(), occasion(inactive(400), id=EVENT, causationdepth=2), shadow=False)
    assert found.command is not None
    assert found.command.id == "f373f60a-3290-5c65-91dd-39d8e40fefed"
    sent = read_command(found.command.body, subject=found.command.type, stored_at=NOW)
    assert (sent.actor, sent.causationid, sent.causationdepth, sent.expectedversion) == (
        "policy:auto-archive@1",
        EVENT,
        3,
        2,
    )
    assert (sent.person_id, sent.now, sent.correlationid) == (ADA, NOW, uuid("cause 2"))
    assert sent.data.model_dump() == {"reason": "inactive for 400 days"}
    assert sent.context == {"policy": "auto-archive@1"}


def test_the_same_event_and_version_give_the_same_bytes_and_another_version_another_id() -> None:
    first, again = (judge(checked(), occasion(inactive(), id=EVENT), shadow=False) for _ in range(2))
    assert first == again
    later = judge(checked(version=2), occasion(inactive(), id=EVENT), shadow=False)
    assert body(later)["id"] != body(first)["id"]


def test_a_chain_of_policies_ends_at_depth_eight() -> None:
    assert judged(checked(), occasion(inactive(), causationdepth=MAX_DEPTH - 1)) == ("fired", None)
    for shadow in (True, False):
        asked = occasion(inactive(), causationdepth=MAX_DEPTH)
        assert judged(checked(), asked, shadow=shadow) == ("blocked_depth", None)
    assert judged(checked(), occasion(inactive(3), causationdepth=MAX_DEPTH)) == ("silent", None)


def both(condition: str, **changes: Any) -> CheckedPolicy:
    """A policy with an example for each answer, told apart by their summaries."""
    data = {"days": 400, "threshold": 366, "last_activity_at": "2025-01-01T00:00:00Z"}
    return check(
        document(
            condition=condition,
            examples=[
                {"event": {"data": data}, "summary": {"status": "Active", "version": 1}, "expect": "fires"},
                {
                    "event": {"data": {**data, "days": 3}},
                    "summary": {"status": "Draft", "version": 1},
                    "expect": "silent",
                },
            ],
            **changes,
        )
    )


@pytest.mark.parametrize(
    ("condition", "fault"),
    [
        ("summary.status == 'Active' && summary.redirect_to == 'x' || event.data.days == 400", "missing_key"),
        ("event.data.days == 500 ? summary.status + 1 > 3 : event.data.days == 400", "wrong_type"),
        ("event.data.days == 500 ? summary.status : event.data.days == 400", "not_bool"),
        ("event.data.days == 500 ? 1 / 0 == 1 : event.data.days == 400", "failed"),
    ],
)
def test_what_cannot_be_evaluated_is_indeterminate_and_sends_nothing(condition: str, fault: str) -> None:
    erased: dict[str, Any] = {
        "event": lambda: {"data": {"days": 500}},
        "summary": lambda: {"status": "Active"},
        "facts": dict,
    }
    asked = occasion(inactive(500))
    bare = Occasion(asked.cause, asked._kind, erased)
    assert judged(both(condition), bare) == ("indeterminate", fault)


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        ({"data": {"reason": "=summary.status == 'Active' ? 'x' : summary.redirect_to"}}, "missing_key"),
        ({"data": {"reason": "=summary.status == 'Active' ? 'x' : 'a\\u0001b'"}}, "no_command"),
        ({"data": {"reason": "x"}, "subject": "summary.status == 'Active' ? event.subject : 'nobody'"}, "no_command"),
        ({"data": {"reason": "x"}, "expectedversion": "summary.status == 'Active' ? dyn(1) : dyn(true)"}, "no_command"),
    ],
)
def test_values_that_make_no_command_leave_the_policy_indeterminate(command: dict[str, Any], fault: str) -> None:
    policy = both("event.data.days > 100", command={"type": "person.commands.lifecycle.archive", **command})
    asked = occasion(inactive())
    without: dict[str, Any] = {"event": lambda: asked["event"], "summary": lambda: {"status": "Draft"}, "facts": dict}
    assert judged(policy, Occasion(asked.cause, asked._kind, without)) == ("indeterminate", fault)
    assert plan(policy, Occasion(asked.cause, asked._kind, without)) == fault


def test_what_is_null_in_a_template_is_left_out() -> None:
    policy = check(
        document(
            command={
                "type": "person.commands.policy.flag_quality",
                "data": {"flag": "stale", "component_id": "=summary.primary_email_component_id"},
            },
            examples=[
                {
                    "event": {"data": {"days": 400, "threshold": 366, "last_activity_at": "2025-01-01T00:00:00Z"}},
                    "summary": {"primary_email_component_id": uuid("mail")},
                    "expect": "fires",
                    "command": {"data": {"flag": "stale", "component_id": uuid("mail")}},
                },
                {
                    "event": {"data": {"days": 4, "threshold": 30, "last_activity_at": "2025-01-01T00:00:00Z"}},
                    "expect": "silent",
                },
            ],
        )
    )
    assert "component_id" not in body(judge(policy, occasion(inactive()), shadow=False))["data"]


def test_lists_and_maps_of_a_template_are_filled_in_at_any_depth() -> None:
    policy = check(
        document(
            policy_id="start-archival",
            trigger="person.archived",
            condition="true",
            command={
                "type": "person.commands.saga.start",
                "data": {"saga": "archival", "data": {"cause": "=summary.status"}},
            },
            examples=[{"event": {"data": {"reason": "x"}}, "summary": {"status": "Archived"}, "expect": "fires"}],
        )
    )
    found = judge(policy, occasion(PersonArchived(reason="left")), shadow=False)
    assert found.command is not None
    sent = read_process_command(found.command.body, subject=found.command.type, stored_at=NOW)
    assert (sent.person_id, sent.name) == (ADA, "StartSaga")
    assert sent.data.model_dump(exclude_none=True)["data"] == {"cause": "Archived"}


def test_an_event_is_seen_as_it_reads_today_with_the_person_right_after_it() -> None:
    mail = ComponentAdded(
        component_id=uuid("mail"),
        component_type="EmailAddress",
        component_data=admitted(EmailAddressComponent, email={"address": "ada@example.org"}),
    )
    event, person = happened(mail, created(), actor="user:u-1")
    asked = Occasion.of_event(event, person)
    assert asked["event"] == {
        "id": event.id,
        "type": "person.component_added",
        "sequence": 2,
        "subject": ADA,
        "time": "2026-01-05T10:00:00Z",
        "actor": "user:u-1",
        "correlationid": event.correlationid,
        "depth": 0,
        "data": {
            "component_id": uuid("mail"),
            "component_type": "EmailAddress",
            "component_data": {
                "email": {"address": "ada@example.org"},
                "email_type": "Other",
                "can_receive_notifications": True,
                "can_receive_marketing": False,
            },
            "is_primary": False,
            "is_verified": False,
            "tags": [],
            "custom_fields": {},
        },
    }
    summary = asked["summary"]
    assert isinstance(summary, dict)
    assert (summary["version"], summary["primary_email"]) == (2, "ada@example.org")


def test_an_error_in_one_policy_leaves_the_others_as_they_are() -> None:
    asked = occasion(inactive())
    broken = both("event.data.days == 400 ? summary.version + 'x' > 'y' || true : event.data.days > 100")
    before = judge(checked(), asked, shadow=False)
    evaluate(broken, asked)
    assert judge(checked(), asked, shadow=False) == before


def test_a_command_that_would_be_too_large_is_not_sent() -> None:
    reason = "=" + " + ".join(["facts.name_convention"] * 12)
    long = document(command={"type": "person.commands.lifecycle.archive", "data": {"reason": reason}})
    for example in long["examples"]:
        example["facts"] = {"name_convention": "Western"}
    asked = occasion(inactive())
    large: dict[str, Any] = {"event": lambda: asked["event"], "facts": lambda: {"name_convention": "x" * 12_000}}
    assert judged(check(long), Occasion(asked.cause, asked._kind, large)) == ("indeterminate", "no_command")


def test_the_expressions_of_a_command_share_one_budget() -> None:
    dear = "=event.data.last_activity_at.matches('^(a|b|c|d|e|f|g|h)+(a|b|c|d|e|f)*(a|b|c|d|e|f)*$') ? 'a' : 'b'"
    command = {
        "type": "person.commands.component.add",
        "data": {"component_type": "Tag", "data": {"name": dear}, "custom_fields": {str(n): dear for n in range(9)}},
    }
    found = refusal(document(command=command))
    assert (found.facts["field"], found.facts["rule"]) == ("document.command", "too_costly")


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@forall(histories(max_size=12))
def test_shipped_policies_have_an_answer_to_every_history_and_the_same_one_twice(history: list[Step]) -> None:
    policies = [check(shipped) for shipped in shipped_documents()]
    for step in history:
        person = step.before
        for event in step.events:
            person = apply(person, event)
            asked = Occasion.of_event(event, person)
            for policy in policies:
                if policy.trigger == event.type:
                    found = judge(policy, asked, shadow=False)
                    assert found == judge(policy, Occasion.of_event(event, person), shadow=False)
                    if found.verdict not in ("silent", "blocked_depth"):
                        record = decided(policy, asked, found)
                        assert read_rule_event(write_rule_event(record)) == record
