"""The first failing check is the answer: a command that breaks several rules shows their order."""

from datetime import UTC, datetime
from typing import Any

import pytest

from domain.command_data.base import CommandSpec
from domain.commands import COMMANDS
from domain.decide import AlreadyRecorded, decide
from domain.event_data.lifecycle import PersonArchived, PersonMerged, PersonSuspended
from domain.evolve import apply
from domain.refusals import Refused
from domain.standing import ErasurePending
from tests.domain.specification import ADA, GRACE, command, created, envelope, given, past_of, read, recorded, uuid
from tests.domain.test_status_matrix import DATA

PENDING = ErasurePending(request_id=GRACE, not_before=datetime(2026, 2, 1, tzinfo=UTC))
LATE = "2026-01-05T11:00:00Z"
UPDATE = {"birth_date": "2999-01-01"}


def refusal(document: Any) -> Any:
    with pytest.raises(Refused) as refused:
        read(document)
    return refused.value


def test_shape_comes_before_clock() -> None:
    assert refusal(envelope("SuspendPerson", {}, time=LATE, causationdepth=0)).code == "invalid_command"


def test_clock_comes_before_rights_and_rights_before_depth() -> None:
    document = envelope(
        "RevertOnboardingStep",
        {"step": "IdentityStep"},
        actor="user:u-1",
        time=LATE,
        causationdepth=9,
        causationid=GRACE,
        correlationid=GRACE,
    )
    in_time = {**document, "time": "2026-01-05T10:05:00Z"}
    assert refusal(document).code == "clock_skew"
    assert refusal(in_time).code == "forbidden"
    assert refusal({**in_time, "actor": "saga:s-1"}).code == "depth_exceeded"


@pytest.mark.parametrize("spec", [spec for spec in COMMANDS.values() if spec.kinds])
def test_a_command_of_the_system_itself_is_forbidden_to_others(spec: CommandSpec) -> None:
    document = envelope(spec.name, DATA[spec.name])
    for actor in ("user:u-1", "api:a-1", "hr:h-1", "policy:p@1", "import:i-1"):
        assert refusal({**document, "actor": actor}).code == "forbidden"
    assert read(document).actor.partition(":")[0] in spec.kinds


def test_only_these_commands_are_kept_for_the_system_itself() -> None:
    kept = {spec.name: set(spec.kinds) for spec in COMMANDS.values() if spec.kinds}
    assert kept == {
        "AbsorbPerson": {"saga"},
        "ConfirmErasure": {"saga"},
        "RevertOnboardingStep": {"saga"},
        "RecordInactivity": {"job"},
    }


def test_a_repeated_command_comes_before_everything_about_the_person() -> None:
    repeated = command("SuspendPerson", {"reason": "x"}, expectedversion=99)
    person = apply(given(created()).person, recorded(PersonArchived(reason="x"), 2, causationid=repeated.id))
    with pytest.raises(AlreadyRecorded) as known:
        decide(repeated, person.model_copy(update={"erasure": "Erased"}))
    assert (known.value.first_sequence, known.value.count) == (2, 1)


def test_absence_comes_before_version() -> None:
    given().when("UpdatePerson", UPDATE, expectedversion=7).then_refused("person_not_found")


def test_erasure_comes_before_version() -> None:
    person = given(*past_of("MergedInto")).person
    for erasure, code in (("Erased", "person_erased"), (PENDING, "erasure_pending")):
        erasing = person.model_copy(update={"erasure": erasure})
        given(erasing).when("UpdatePerson", UPDATE, expectedversion=7).then_refused(code)


def test_version_comes_before_status() -> None:
    specification = given(*past_of("MergedInto")).when("UpdatePerson", UPDATE, expectedversion=7)
    specification.then_refused("version_conflict", expected=7, actual=2)


def test_status_comes_before_guards() -> None:
    given(*past_of("Suspended")).when("UpdatePerson", UPDATE, expectedversion=2).then_refused("not_active")
    given(*past_of("Active")).when("UpdatePerson", UPDATE, expectedversion=1).then_refused("invalid_date")


def test_a_merged_person_names_its_target() -> None:
    merged = PersonMerged(target_person_id=GRACE, merge_reason="DuplicateIdentity")
    given(created(), merged).when("UpdatePerson", UPDATE).then_refused("merged_away", target=GRACE)


def test_create_respects_the_expected_version() -> None:
    data = {"name": {"given_names": ["Ada"]}, "source": "hr"}
    given().when("CreatePerson", data, expectedversion=1).then_refused("version_conflict")
    assert given().when("CreatePerson", data, expectedversion=0).events


def test_only_the_last_64_commands_are_remembered() -> None:
    person = given(created()).person
    for sequence in range(2, 70):
        person = apply(person, recorded(PersonSuspended(reason="x"), sequence))
    assert len(person.recent) == 64
    assert person.recent[-1] == (uuid("cause 69"), 69, 1)
    assert person.person_id == ADA
