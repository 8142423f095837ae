"""A version of a rule is registered once, checked, and moved between its statuses by commands that leave events."""

from functools import reduce
from typing import Any, get_args

import orjson
import pytest

from domain.decide import AlreadyRecorded
from domain.policies.document import Status
from domain.policies.rule_event_data import RuleActivated
from domain.policies.rule_events import (
    STATE_EVENTS,
    RuleEvent,
    read_rule_event,
    rule_event_subject,
    rule_filter,
    write_rule_event,
)
from domain.policies.rule_state import MOVES, RuleState, decide_rule, evolve_rule
from domain.process_commands import ProcessCommand, read_process_command
from domain.refusals import Refused
from domain.undecodable import Undecodable
from tests.domain.policies.documents import document
from tests.domain.specification import NOW, uuid

POLICY = "auto-archive"
NEW = RuleState(POLICY)


def asked(verb: str, data: dict[str, Any], *, key: str = "", **attributes: Any) -> ProcessCommand:
    """A rule command."""
    command_type = f"person.commands.rules.{verb}"
    sent = {
        "specversion": "1.0",
        "id": uuid(f"{verb} {data.get('version', '')} {key}"),
        "type": command_type,
        "source": "/clients/portal",
        "subject": POLICY,
        "time": "2026-01-05T10:00:00Z",
        "actor": "user:ada",
        "data": data,
        **attributes,
    }
    return read_process_command(orjson.dumps(sent), subject=command_type, stored_at=NOW)


def register(version: int = 1, **changes: Any) -> ProcessCommand:
    return asked("register", {"document": document(version=version, **changes)}, key=str(version))


def move(verb: str, version: int = 1, *, key: str = "") -> ProcessCommand:
    return asked(verb, {"version": version}, key=key)


def after(*commands: ProcessCommand, state: RuleState = NEW) -> RuleState:
    """The state after commands that are all accepted, by way of stored bytes."""
    for command in commands:
        for event in decide_rule(command, state):
            stored = read_rule_event(write_rule_event(event), subject=rule_event_subject(event.name, POLICY))
            assert stored == event
            state = evolve_rule(state, stored)
    return state


def statuses(state: RuleState) -> dict[int, Status]:
    return {version: held.status for version, held in state.versions.items()}


def refused(command: ProcessCommand, state: RuleState) -> Refused:
    with pytest.raises(Refused) as caught:
        decide_rule(command, state)
    return caught.value


PATHS: dict[Status, tuple[str, ...]] = {
    "draft": (),
    "shadow": ("shadow",),
    "active": ("activate",),
    "suspended": ("activate", "suspend"),
    "retired": ("retire",),
}
TABLE: dict[tuple[Status, str], Status] = {
    ("draft", "shadow"): "shadow",
    ("suspended", "shadow"): "shadow",
    ("draft", "activate"): "active",
    ("shadow", "activate"): "active",
    ("suspended", "activate"): "active",
    ("active", "suspend"): "suspended",
    ("shadow", "suspend"): "suspended",
    ("draft", "retire"): "retired",
    ("shadow", "retire"): "retired",
    ("suspended", "retire"): "retired",
    ("active", "retire"): "retired",
}
VERBS = ("shadow", "activate", "suspend", "retire")


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("status", get_args(Status))
def test_a_version_moves_as_the_table_says_and_in_no_other_way(status: Status, verb: str) -> None:
    state = after(register(), *(move(step, key="before") for step in PATHS[status]))
    assert statuses(state) == {1: status}
    to = TABLE.get((status, verb))
    if to is None:
        found = refused(move(verb), state)
        assert (found.code, found.facts["status"]) == ("policy_transition", status)
    else:
        assert statuses(after(move(verb), state=state)) == {1: to}


def test_the_first_version_is_one_and_each_next_one_higher() -> None:
    state = after(register())
    for wrong in (1, 3):
        found = (
            refused(register(wrong, title="other"), state)
            if wrong == 3
            else refused(asked("register", {"document": document()}, key="again"), state)
        )
        assert (found.code, found.facts) == ("policy_version_exists", {"version": wrong, "next": 2})
    assert refused(register(2), NEW).code == "policy_version_exists"
    assert statuses(after(register(2), state=state)) == {1: "draft", 2: "draft"}


def test_a_document_is_checked_before_it_is_registered() -> None:
    found = refused(register(condition="event.data.dayz > 1"), NEW)
    assert (found.code, found.facts["field"], found.facts["column"]) == ("policy_invalid", "document.condition", 11)
    other = refused(register(policy_id="other-policy"), NEW)
    assert (other.code, other.facts["field"]) == ("policy_invalid", "document.policy_id")


def test_activating_a_higher_version_retires_the_one_in_force() -> None:
    state = after(register(), move("activate"), register(2), move("shadow", 2))
    assert (state.active and state.active.document.version, [held.document.version for held in state.in_shadow]) == (
        1,
        [2],
    )
    [event] = decide_rule(move("activate", 2), state)
    assert event.data == RuleActivated(version=2, by="user:ada", supersedes=1)
    state = evolve_rule(state, event)
    assert statuses(state) == {1: "retired", 2: "active"}
    assert refused(move("activate", 1, key="back"), state).code == "policy_transition"


def test_a_lower_version_comes_back_only_after_the_higher_one_was_stopped() -> None:
    state = after(register(), move("activate"), move("suspend"), register(2), move("activate", 2))
    assert refused(move("activate", 1, key="back"), state).code == "policy_transition"
    assert statuses(after(move("suspend", 2), move("activate", 1, key="back"), state=state)) == {
        1: "active",
        2: "suspended",
    }


def test_a_protected_policy_is_superseded_but_neither_suspended_nor_retired() -> None:
    state = after(register(protected=True), move("activate"))
    for verb in ("suspend", "retire"):
        assert refused(move(verb), state).code == "policy_protected"
    state = after(register(2, protected=True), move("activate", 2), state=state)
    assert statuses(state) == {1: "retired", 2: "active"}


@pytest.mark.parametrize("verb", VERBS)
def test_a_version_that_is_not_there_is_not_found(verb: str) -> None:
    assert refused(move(verb, 2), after(register())).code == "policy_not_found"
    assert refused(move(verb), NEW).code == "policy_not_found"


def test_a_command_that_comes_again_is_told_its_events() -> None:
    state = after(register(), move("activate"))
    with pytest.raises(AlreadyRecorded) as caught:
        decide_rule(move("activate"), state)
    assert (caught.value.first_sequence, caught.value.count) == (2, 1)


def test_an_expected_version_that_differs_is_a_conflict() -> None:
    state = after(register())
    found = refused(asked("activate", {"version": 1}, expectedversion=0), state)
    assert (found.code, found.facts) == ("version_conflict", {"expected": 0, "actual": 1})


def test_events_count_and_name_who_did_it() -> None:
    events: list[RuleEvent] = []
    state = NEW
    for command in (register(), move("shadow"), move("activate"), move("suspend"), move("retire")):
        events += decide_rule(command, state)
        state = evolve_rule(state, events[-1])
    assert [event.name for event in events] == list(STATE_EVENTS)
    assert [event.sequence for event in events] == [1, 2, 3, 4, 5]
    assert {event.version for event in events} == {1}
    assert all(orjson.loads(write_rule_event(event))["data"]["by"] == "user:ada" for event in events[1:])
    assert reduce(evolve_rule, events, NEW) == state


def test_the_fold_is_total_and_takes_each_event_once_and_in_order() -> None:
    [first] = decide_rule(register(), NEW)
    state = evolve_rule(NEW, first)
    [second] = decide_rule(move("activate"), state)
    assert evolve_rule(NEW, second) is NEW
    assert evolve_rule(state, first) is state
    stray = second.model_copy(update={"data": RuleActivated(version=9, by="user:ada")})
    assert statuses(evolve_rule(state, stray)) == {1: "draft"}
    elsewhere = second.model_copy(update={"policy_id": "other-policy"})
    assert evolve_rule(state, elsewhere) is state


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"type": "person.rule.unheard_of"}, "unknown_type"),
        ({"type": "person.archived"}, "unknown_type"),
        ({"dataversion": 2}, "unknown_version"),
        ({"data": None}, "undecodable"),
        ({"data": {"by": "user:ada"}}, "undecodable"),
        ({"sequence": 0}, "undecodable"),
        ({"subject": "other-policy"}, "subject_mismatch"),
        ({"correlationid": uuid("other"), "causationid": uuid("other-2")}, None),
        ({"data": {"version": 1, "by": "user:ada", "note": "from a later release"}}, None),
    ],
)
def test_stored_bytes_that_are_no_rule_event_are_undecodable(changes: dict[str, Any], cause: str | None) -> None:
    [event] = decide_rule(move("activate"), after(register()))
    raw = orjson.dumps({**orjson.loads(write_rule_event(event)), **changes})
    if cause is None:
        assert read_rule_event(raw, subject=f"person.rules.activated.{POLICY}").version == 1
        return
    with pytest.raises(Undecodable) as caught:
        read_rule_event(raw, subject=f"person.rules.activated.{POLICY}")
    assert caught.value.cause == cause


def test_every_rule_command_but_register_is_in_the_table() -> None:
    assert {name.removesuffix("Rule").lower() for name in MOVES} == set(VERBS)
    assert rule_filter(POLICY) == "person.rules.*.auto-archive"
