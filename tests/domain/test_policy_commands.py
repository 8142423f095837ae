"""Activity, inactivity, notifications and quality flags, and the clock behind them."""

from datetime import timedelta
from functools import reduce
from typing import Any

import pytest
from hypothesis import given as forall
from hypothesis import settings
from hypothesis import strategies as st

from domain.components.email_address import EmailAddressComponent
from domain.decide import decide
from domain.event_data.component import ComponentAdded
from domain.event_data.policy import (
    ActivityRecorded,
    NotificationRequested,
    PersonInactiveFor,
    QualityCleared,
    QualityFlagged,
)
from domain.event_data.privacy import ConsentRecorded
from domain.evolve import apply, evolve
from domain.ids import derive
from domain.person import Person
from domain.refusals import Refused
from domain.times import format_instant
from tests.domain.specification import (
    NOW,
    admitted,
    command,
    created,
    envelope,
    given,
    person_after,
    read,
    recorded,
    uuid,
)

WORK, OTHER = uuid("work"), uuid("other")
MAIL = ComponentAdded(
    component_id=WORK,
    component_type="EmailAddress",
    component_data=admitted(EmailAddressComponent, email={"address": "ada@example.org"}),
)


def after(days: float) -> dict[str, Any]:
    """A command that comes some days after everything else, from an actor with a time of its own."""
    return {"time": format_instant(NOW + timedelta(days=days)), "actor": "adapter:git"}


def test_activity_is_recorded_once_a_day() -> None:
    data = {"kind": "git_commit"}
    given(created()).when("RecordActivity", data, **after(0.2)).then_refused("no_change")
    person = given(created()).when("RecordActivity", data, **after(0.6)).then(ActivityRecorded(kind="git_commit"))
    assert person.last_activity_at == NOW + timedelta(days=0.6)
    given(person).when("RecordActivity", data, id=uuid("2"), **after(0.7)).then_refused("no_change")
    given(person).when("RecordActivity", data, id=uuid("3"), **after(0)).then_refused("no_change")
    assert given(person).when("RecordActivity", data, id=uuid("4"), **after(1.6)).events


def sweep(days: float, threshold: int, number: int = 0) -> Any:
    """What the sweep asks on a day; the test is stored on that day."""
    at = NOW + timedelta(days=days)
    attributes = {"id": uuid(f"sweep {number}"), "time": format_instant(at), "actor": "job:inactivity-sweep"}
    return read(envelope("RecordInactivity", {"threshold": threshold}, **attributes), stored_at=at)


def test_inactivity_tells_the_true_number_of_days() -> None:
    (event,) = decide(sweep(100.9, 90), person_after(created()))
    assert event.data == PersonInactiveFor(days=100, threshold=90, last_activity_at=NOW)
    assert apply(person_after(created()), event).inactivity_reported == 90


def test_a_threshold_is_reported_when_it_is_reached_and_once() -> None:
    person = person_after(created())
    with pytest.raises(Refused) as early:
        decide(sweep(29.9, 30), person)
    assert (early.value.code, early.value.facts) == ("not_inactive", {"days": 29, "threshold": 30})
    (event,) = decide(sweep(30, 30), person)
    reported = apply(person, event)
    with pytest.raises(Refused) as again:
        decide(sweep(95, 30, 1), reported)
    assert (again.value.code, again.value.facts) == ("already_reported", {"reported": 30})
    assert decide(sweep(95, 90, 2), reported)


def test_only_the_sweep_reports_inactivity() -> None:
    with pytest.raises(Refused) as refused:
        command("RecordInactivity", {"threshold": 30}, actor="user:u-1")
    assert (refused.value.code, refused.value.facts) == ("forbidden", {"command": "RecordInactivity"})


@pytest.mark.parametrize("actor", ["user:u", "api:a", "hr:h", "idp:i", "unknown:legacy"])
def test_what_people_do_is_activity(actor: str) -> None:
    later = recorded(ConsentRecorded(consent_type="marketing", granted=True, terms_version="1"), 2, actor=actor)
    person = person_after(created()).model_copy(update={"inactivity_reported": 90})
    moved = apply(person, later.model_copy(update={"time": NOW + timedelta(days=91)}))
    assert (moved.last_activity_at, moved.inactivity_reported) == (NOW + timedelta(days=91), 0)


@pytest.mark.parametrize("actor", ["system:s", "job:j", "policy:p@1", "saga:s", "adapter:a", "import:i"])
def test_what_machines_do_is_none(actor: str) -> None:
    later = recorded(ConsentRecorded(consent_type="marketing", granted=True, terms_version="1"), 2, actor=actor)
    person = person_after(created()).model_copy(update={"inactivity_reported": 90})
    moved = apply(person, later.model_copy(update={"time": NOW + timedelta(days=91)}))
    assert (moved.last_activity_at, moved.inactivity_reported) == (NOW, 90)


@settings(max_examples=200, deadline=None)
@forall(st.lists(st.tuples(st.booleans(), st.integers(0, 60), st.sampled_from([30, 90, 180])), min_size=1, max_size=15))
def test_a_threshold_is_reported_at_most_once_in_a_quiet_period(steps: list[tuple[bool, int, int]]) -> None:
    person = person_after(created())  # L23
    day = 0
    reported: list[int] = []
    for number, (is_activity, pause, threshold) in enumerate(steps):
        day += pause
        if is_activity:
            asked = command("RecordActivity", {"kind": "git_commit"}, id=uuid(f"activity {number}"), **after(day))
        else:
            asked = sweep(day, threshold, number)
        try:
            events = decide(asked, person)
        except Refused:
            continue
        person = reduce(apply, events, person)
        if is_activity:
            reported = []
            assert person.inactivity_reported == 0
        else:
            assert threshold not in reported
            assert threshold > max(reported, default=0)
            reported.append(threshold)


def requesting(**fields: Any) -> dict[str, Any]:
    return {"template": "welcome", "channel": "Email", **fields}


def requested(**fields: Any) -> NotificationRequested:
    notification_id = derive(uuid("command RequestNotification"), "notification")
    values = {"template": "welcome", "key": "", "channel": "Email", **fields}
    return NotificationRequested(notification_id=notification_id, **values)


def test_a_notification_goes_out_once_for_each_template_and_key() -> None:
    person = (
        given(created(), MAIL)
        .when("RequestNotification", requesting(component_id=WORK))
        .then(requested(component_id=WORK))
    )
    given(person).when("RequestNotification", requesting(), id=uuid("2")).then_refused("already_notified")
    for number, other in enumerate(({"key": "2026"}, {"template": "reminder"})):
        assert given(person).when("RequestNotification", requesting(**other), id=uuid(f"other {number}")).events


def test_advertisements_need_consent() -> None:
    asked = requesting(purpose="Marketing")
    given(created()).when("RequestNotification", asked).then_refused("consent_required", consent_type="marketing")
    granted = ConsentRecorded(consent_type="marketing", granted=True, terms_version="1")
    given(created(), granted).when("RequestNotification", asked).then(requested(purpose="Marketing"))


@pytest.mark.parametrize("name", ["RequestNotification", "FlagQuality"])
def test_a_component_that_is_named_has_to_be_there(name: str) -> None:
    asked = {**(requesting() if name == "RequestNotification" else {"flag": "email_invalid"}), "component_id": OTHER}
    given(created(), MAIL).when(name, asked).then_refused("component_not_found", component_id=OTHER)


FLAG = derive(uuid("command FlagQuality"), "flag")


def test_a_flag_is_open_once_until_it_is_cleared() -> None:
    asked = {"flag": "email_invalid", "component_id": WORK}
    flagged = QualityFlagged(flag_id=FLAG, flag="email_invalid", component_id=WORK)
    person = given(created(), MAIL).when("FlagQuality", asked).then(flagged)
    given(person).when("FlagQuality", asked, id=uuid("2")).then_refused("no_change")
    assert given(person).when("FlagQuality", {"flag": "email_invalid"}, id=uuid("3")).events
    cleared = given(person).when("ClearQuality", {"flag_id": FLAG}).then(QualityCleared(flag_id=FLAG))
    assert not cleared.quality
    given(cleared).when("ClearQuality", {"flag_id": FLAG}, id=uuid("4")).then_refused("flag_not_found")
    assert given(cleared).when("FlagQuality", asked, id=uuid("5")).events


@pytest.mark.parametrize("data", [ActivityRecorded(kind="git_commit"), QualityCleared(flag_id=FLAG)])
def test_what_changes_no_content_gives_the_same_state(data: Any) -> None:
    person: Person = person_after(created())
    assert evolve(person, recorded(data, 2)) is person


@pytest.mark.parametrize(
    ("name", "data", "field"),
    [
        ("RecordActivity", {"kind": "Git Commit"}, "data.kind"),
        ("RequestNotification", requesting(key="ada@example.org"), "data.key"),
        ("RequestNotification", requesting(template=""), "data.template"),
        ("FlagQuality", {"flag": "x" * 65}, "data.flag"),
        ("RecordInactivity", {"threshold": 0}, "data.threshold"),
    ],
)
def test_what_names_something_is_a_word_and_no_text(name: str, data: Any, field: str) -> None:
    with pytest.raises(Refused) as refused:
        command(name, data)
    assert (refused.value.code, refused.value.facts["field"]) == ("invalid_command", field)
