"""What a policy decides is an event with an id of its own: no values of a person, and the same for the same decision."""

import orjson

from domain.policies.evaluation import judge, objects
from domain.policies.occasion import Occasion
from domain.policies.registration import check
from domain.policies.rule_event_data import RuleDecided
from domain.policies.rule_events import decided, inputs_digest, read_rule_event, refused, write_rule_event
from tests.domain.policies.documents import checked, deny, inactive, occasion
from tests.domain.specification import ADA, command, created, person_after, read


def test_a_decision_names_event_command_and_person_and_no_values() -> None:
    policy, asked = checked(), occasion(inactive(), causationdepth=3)
    judgement = judge(policy, asked, shadow=False)
    event = decided(policy, asked, judgement)
    assert judgement.command is not None
    assert event.data == RuleDecided(
        version=1,
        verdict="fired",
        event_id=asked.cause.id,
        command_id=judgement.command.id,
        person_id=ADA,
        sequence=2,
        inputs=inputs_digest(policy, asked),
    )
    raw = write_rule_event(event)
    assert read_rule_event(raw, subject="person.rules.decided.auto-archive") == event
    assert (event.causationid, event.causationdepth, event.sequence) == (asked.cause.id, 4, None)
    assert b"400" not in raw.replace(orjson.dumps(event.data.model_dump()["inputs"]), b"")


def test_the_same_decision_gives_the_same_event_and_another_verdict_another_id() -> None:
    policy = checked()
    ids = {
        shadow: {
            decided(policy, asked, judge(policy, asked, shadow=shadow)).id for asked in (occasion(inactive()),) * 2
        }
        for shadow in (True, False)
    }
    assert all(len(found) == 1 for found in ids.values())
    assert ids[True] != ids[False]


def test_the_digest_tells_inputs_apart() -> None:
    policy = checked()
    assert inputs_digest(policy, occasion(inactive(400))) == inputs_digest(policy, occasion(inactive(400)))
    assert inputs_digest(policy, occasion(inactive(400))) != inputs_digest(policy, occasion(inactive(401)))


def test_a_refusal_of_a_policy_command_is_recorded_with_its_code() -> None:
    policy, asked = checked(), occasion(inactive())
    judgement = judge(policy, asked, shadow=False)
    assert judgement.command is not None
    sent = read(orjson.loads(judgement.command.body))
    event = refused(sent, "version_conflict")
    assert (event.policy_id, event.version, event.data) == (
        "auto-archive",
        1,
        RuleDecided(version=1, verdict="refused", event_id=asked.cause.id, command_id=sent.id, code="version_conflict"),
    )
    assert read_rule_event(write_rule_event(event)) == event
    assert event == refused(sent, "version_conflict")


def test_a_deny_rule_objects_to_a_command_and_its_record_names_it() -> None:
    rule = check(
        deny(
            "command.actor.startsWith('job:') && summary.status == 'Active'",
            examples=[
                {
                    "command": {"data": {"reason": "x"}, "actor": "job:nightly"},
                    "summary": {"status": "Active"},
                    "expect": "fires",
                },
                {"command": {"data": {"reason": "x"}}, "expect": "silent"},
            ],
        )
    )
    person = person_after(created())
    by_job = command("ArchivePerson", {"reason": "left"}, actor="job:nightly")
    asked = Occasion.of_command(by_job, person)
    assert objects(rule, asked, shadow=False).verdict == "denied"
    assert objects(rule, asked, shadow=True).verdict == "would_deny"
    by_user = Occasion.of_command(command("ArchivePerson", {"reason": "left"}), person)
    assert objects(rule, by_user, shadow=False).verdict == "silent"
    nobody = Occasion.of_command(by_job, person_after())
    assert objects(rule, nobody, shadow=False)[:2] == ("indeterminate", "missing_key")
    event = decided(rule, asked, objects(rule, asked, shadow=False))
    assert (event.data.command_id, event.data.event_id, event.data.verdict) == (by_job.id, None, "denied")  # type: ignore[attr-defined]
    assert read_rule_event(write_rule_event(event)) == event
