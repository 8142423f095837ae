"""Creating, renaming and ending persons."""

from datetime import date

from domain.decide import decide
from domain.event_data.identity import BirthDateSet, NameUpdated
from domain.event_data.lifecycle import DeathRecorded, PersonActivated, PersonArchived, PersonCreated, PersonSuspended
from domain.event_data.onboarding import OnboardingStarted
from domain.ids import derive
from domain.onboarding import STEPS, CompletedStep
from domain.person import Person
from domain.personal import Redacted
from domain.status import Status
from domain.values.person_name import PersonName
from tests.domain.specification import (
    ADA,
    ADA_LOVELACE,
    ADA_NAME,
    command,
    created,
    envelope,
    given,
    onboarding_started,
    past_of,
    read,
    uuid,
)

BORN = date(1815, 12, 10)
CREATE = {"name": ADA_NAME, "source": "hr"}


def test_a_created_person_is_active() -> None:
    person = given().when("CreatePerson", CREATE).then(created())
    assert (person.status, person.version, person.source) == (Status.ACTIVE, 1, "hr")


def test_a_person_is_created_with_all_that_is_known() -> None:
    data = {**CREATE, "source_system": "SAP", "import_id": "i-1", "birth_date": "1815-12-10", "onboarding": True}
    onboarding_id = derive(uuid("command CreatePerson"), "onboarding")
    person = (
        given()
        .when("CreatePerson", data)
        .then(
            PersonCreated(name=ADA_LOVELACE, source="hr", source_system="SAP", import_id="i-1", onboarding=True),
            BirthDateSet(birth_date=BORN),
            OnboardingStarted(onboarding_id=onboarding_id, run=1, steps=STEPS),
        )
    )
    assert (person.status, person.birth_date) == (Status.DRAFT, BORN)
    assert person.onboarding is not None
    assert person.onboarding.state == "WaitingForIdentityVerification"


def test_a_person_without_an_id_gets_one_derived_from_the_command() -> None:
    document = envelope("CreatePerson", CREATE)
    del document["subject"]
    asked = read(document)
    assert asked.person_id == derive(asked.id, "person")
    assert decide(asked, Person.new(asked.person_id))[0].person_id == asked.person_id


def test_a_birth_date_is_not_in_the_future() -> None:
    data = {**CREATE, "birth_date": "2026-01-06"}
    given().when("CreatePerson", data).then_refused("invalid_date", field="birth_date")
    assert given().when("CreatePerson", {**CREATE, "birth_date": "2026-01-05"}).events


def test_an_event_says_everything_about_its_origin() -> None:
    asked = command(
        "SuspendPerson", {"reason": "away", "context": {"tenant": "t1"}}, traceparent=f"00-{'a' * 32}-{'b' * 16}-01"
    )
    (event,) = decide(asked, given(created()).person)
    assert event.id == derive(asked.id, "0")
    assert (event.type, event.dataversion, event.sequence) == ("person.suspended", 2, 2)
    assert (event.causationid, event.correlationid, event.causationdepth) == (asked.id, asked.id, 0)
    assert (event.actor, event.time, event.person_id) == ("user:u-1", asked.now, ADA)
    assert (event.traceparent, event.context) == (asked.traceparent, {"tenant": "t1"})


def test_a_new_name_replaces_the_old_one() -> None:
    grace = PersonName(given_names=("Grace",), family_names=("Hopper",))
    data = {"name": {"given_names": ["Grace"], "family_names": ["Hopper"]}, "change_reason": "married"}
    expected = NameUpdated(old_name=ADA_LOVELACE, new_name=grace, change_reason="married")
    assert given(created()).when("UpdatePerson", data).then(expected).name == grace


def test_the_same_name_and_birth_date_are_no_change() -> None:
    data = {"name": ADA_NAME, "birth_date": "1815-12-10"}
    given(created(), BirthDateSet(birth_date=BORN)).when("UpdatePerson", data).then_refused("no_change")


def test_a_birth_date_is_set_once() -> None:
    given(created()).when("UpdatePerson", {"birth_date": "1815-12-10"}).then(BirthDateSet(birth_date=BORN))
    known = given(created(), BirthDateSet(birth_date=BORN))
    known.when("UpdatePerson", {"birth_date": "1815-12-11"}).then_refused("birth_date_already_set")


def test_a_name_that_cannot_be_read_is_not_written_again() -> None:
    hidden = given(created()).person.model_copy(update={"name": Redacted(**{"$redacted": "identity"})})
    given(hidden).when("UpdatePerson", {"name": ADA_NAME}).then(NameUpdated(new_name=ADA_LOVELACE))


def test_a_suspended_person_can_come_back() -> None:
    suspended = given(created()).when("SuspendPerson", {"reason": " away "}).then(PersonSuspended(reason="away"))
    person = given(suspended).when("ReactivatePerson", {"reason": "back"}).then(PersonActivated(reason="back"))
    assert person.status is Status.ACTIVE


def test_active_and_suspended_persons_can_be_archived() -> None:
    for status in ("Active", "Suspended"):
        specification = given(*past_of(status)).when("ArchivePerson", {"reason": "left"})
        assert specification.then(PersonArchived(reason="left")).status is Status.ARCHIVED


def test_an_onboarding_is_undone_before_the_person_is_archived() -> None:
    draft = given(created(onboarding=True), onboarding_started()).person
    run = draft.onboarding
    assert run is not None
    failed = run.model_copy(update={"state": "Failed", "completed": (CompletedStep(step="IdentityStep"),)})
    undone = failed.model_copy(update={"reverted": ("IdentityStep",)})
    for still_open in (run, failed, None):
        person = draft.model_copy(update={"onboarding": still_open})
        given(person).when("ArchivePerson", {"reason": "x"}).then_refused("onboarding_in_progress")
    person = draft.model_copy(update={"onboarding": undone})
    given(person).when("ArchivePerson", {"reason": "x"}).then(PersonArchived(reason="x"))


def test_a_death_is_recorded_for_good() -> None:
    data = {"date_of_death": "2026-01-05"}
    person = given(created()).when("RecordDeath", data).then(DeathRecorded(date_of_death=date(2026, 1, 5)))
    assert (person.status, person.date_of_death) == (Status.DECEASED, date(2026, 1, 5))


def test_a_death_lies_between_birth_and_now() -> None:
    born = given(created(), BirthDateSet(birth_date=BORN))
    born.when("RecordDeath", {"date_of_death": "1815-12-09"}).then_refused("invalid_date", rule="not_before_birth")
    given(created()).when("RecordDeath", {"date_of_death": "2026-01-06"}).then_refused(
        "invalid_date", rule="not_in_future"
    )
