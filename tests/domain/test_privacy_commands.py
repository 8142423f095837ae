"""Consent, exports, legal holds, and erasure with the state that it leaves."""

from datetime import date, timedelta
from typing import Any

import pytest

from domain.components.catalogue import COMPONENT_TYPES
from domain.event_data.component import ComponentAdded, ComponentRemoved
from domain.event_data.lifecycle import PersonAbsorbed
from domain.event_data.privacy import (
    ConsentRecorded,
    ErasureCancelled,
    ErasureRequested,
    ExportCompleted,
    ExportRequested,
    LegalHoldLifted,
    LegalHoldPlaced,
    PersonErased,
)
from domain.evolve import apply, evolve
from domain.ids import derive
from domain.person import Person, dump_state, load_state
from domain.personal import Redacted
from domain.refusals import Refused
from domain.times import format_instant
from tests.domain.samples_of_components import SAMPLES
from tests.domain.specification import (
    ADA,
    GRACE,
    NOW,
    admitted,
    command,
    created,
    given,
    past_of,
    person_after,
    recorded,
    uuid,
)

WORK, OTHER = uuid("work"), uuid("other")
BEHAVIOUR = ComponentAdded(
    component_id=WORK,
    component_type="BehavioralData",
    component_data=admitted(COMPONENT_TYPES["BehavioralData"], **SAMPLES["BehavioralData"]),
    is_primary=True,
)


def consent(consent_type: Any, granted: bool, terms_version: str = "1", **fields: Any) -> ConsentRecorded:
    return ConsentRecorded(consent_type=consent_type, granted=granted, terms_version=terms_version, **fields)


def asking(consent_type: str, granted: bool, terms_version: str = "1", **fields: Any) -> dict[str, Any]:
    return {"consent_type": consent_type, "granted": granted, "terms_version": terms_version, **fields}


def test_the_last_decision_on_a_consent_wins() -> None:
    granted = given(created()).when("RecordConsent", asking("marketing", True)).then(consent("marketing", True))
    assert granted.consents["marketing"].granted
    refused = given(granted).when("RecordConsent", asking("marketing", False), id=uuid("2"))
    assert not refused.then(consent("marketing", False)).consents["marketing"].granted
    given(granted).when("RecordConsent", asking("marketing", True), id=uuid("3")).then_refused("no_change")
    newer = given(granted).when("RecordConsent", asking("marketing", True, "2"), id=uuid("4"))
    assert newer.then(consent("marketing", True, "2")).consents["marketing"].terms_version == "2"


def test_the_address_that_consent_came_from_has_one_spelling() -> None:
    asked = asking("marketing", True, ip_address="2001:DB8:0:0::1")
    given(created()).when("RecordConsent", asked).then(consent("marketing", True, ip_address="2001:db8::1"))
    with pytest.raises(Refused) as refused:
        command("RecordConsent", asking("marketing", True, ip_address="somewhere"))
    assert refused.value.facts == {"field": "data.ip_address", "rule": "ip_address"}


def test_a_refusal_of_profiling_removes_what_is_known_of_behaviour() -> None:
    past = (created(), consent("profiling", True), BEHAVIOUR)
    gone = ComponentRemoved(component_id=WORK, component_type="BehavioralData")
    person = given(*past).when("RecordConsent", asking("profiling", False)).then(consent("profiling", False), gone)
    assert not person.components
    other = given(*past).when("RecordConsent", asking("marketing", False)).then(consent("marketing", False))
    assert WORK in other.components


EXPORT = derive(uuid("command RequestExport"), "export")
DONE = {"object_ref": "exports/1", "sha256": "a" * 64, "expires_at": "2026-01-12T10:00:00Z"}


def test_one_export_is_made_at_a_time() -> None:
    requested = ExportRequested(export_id=EXPORT, format="JsonLines")
    person = given(created()).when("RequestExport", {"format": "JsonLines"}).then(requested)
    given(person).when("RequestExport", {}, id=uuid("2")).then_refused("export_pending")
    completed = ExportCompleted(
        export_id=EXPORT, object_ref="exports/1", sha256="a" * 64, expires_at=NOW + timedelta(days=7)
    )
    done = given(person).when("CompleteExport", {"export_id": EXPORT, **DONE}).then(completed)
    assert done.exports == {EXPORT: "Ready"}
    given(done).when("CompleteExport", {"export_id": EXPORT, **DONE}, id=uuid("3")).then_refused("export_not_found")
    assert given(done).when("RequestExport", {}, id=uuid("4")).events
    given(person).when("CompleteExport", {"export_id": OTHER, **DONE}).then_refused("export_not_found")


@pytest.mark.parametrize(
    ("field", "value"), [("sha256", "A" * 64), ("object_ref", "two words"), ("expires_at", "soon")]
)
def test_an_export_is_described_completely(field: str, value: str) -> None:
    with pytest.raises(Refused) as refused:
        command("CompleteExport", {"export_id": EXPORT, **DONE, field: value})
    assert refused.value.facts["field"] == f"data.{field}"


def test_a_hold_is_placed_once_and_lifted_once() -> None:
    placed = LegalHoldPlaced(hold_id=WORK, reason="lawsuit", until=date(2026, 6, 30))
    asked = {"hold_id": WORK, "reason": "lawsuit", "until": "2026-06-30"}
    person = given(created()).when("PlaceLegalHold", asked).then(placed)
    given(person).when("PlaceLegalHold", asked, id=uuid("2")).then_refused("no_change")
    lifted = given(person).when("LiftLegalHold", {"hold_id": WORK}).then(LegalHoldLifted(hold_id=WORK))
    assert not lifted.holds
    given(lifted).when("LiftLegalHold", {"hold_id": WORK}, id=uuid("3")).then_refused("hold_not_found")


REQUEST = derive(uuid("command RequestErasure"), "erasure")
ASKED = {"legal_basis": "DataSubjectRequest"}


def requested(hours: int = 24) -> ErasureRequested:
    return ErasureRequested(
        request_id=REQUEST, legal_basis="DataSubjectRequest", not_before=NOW + timedelta(hours=hours)
    )


@pytest.mark.parametrize("until", [None, "2026-01-05"])
def test_an_open_hold_forbids_erasure(until: Any) -> None:
    held = given(created()).when("PlaceLegalHold", {"hold_id": WORK, "reason": "lawsuit", "until": until})
    person = held.then(*(event.data for event in held.events))
    given(person).when("RequestErasure", ASKED).then_refused("legal_hold", hold_id=WORK)


def test_a_hold_that_has_run_out_forbids_nothing() -> None:
    past = (created(), LegalHoldPlaced(hold_id=WORK, reason="lawsuit", until=date(2026, 1, 4)))
    given(*past).when("RequestErasure", ASKED).then(requested())


def test_a_pending_erasure_stops_everything_but_its_end() -> None:
    person = given(created()).when("RequestErasure", {**ASKED, "grace_hours": 48}).then(requested(48))
    given(person).when("SuspendPerson", {"reason": "x"}).then_refused("erasure_pending")
    given(person).when("RequestErasure", ASKED, id=uuid("2")).then_refused("erasure_pending")
    cancelled = given(person).when("CancelErasure", {"request_id": REQUEST}).then(ErasureCancelled(request_id=REQUEST))
    assert cancelled.erasure is None
    given(cancelled).when("CancelErasure", {"request_id": REQUEST}, id=uuid("3")).then_refused("erasure_not_pending")
    given(person).when("CancelErasure", {"request_id": OTHER}).then_refused("erasure_not_pending")


def at(hours: float) -> dict[str, Any]:
    return {"time": format_instant(NOW + timedelta(hours=hours)), "actor": "saga:erasure"}


def test_erasure_takes_place_after_the_grace_period() -> None:
    past = (created(), requested())
    asked = {"request_id": REQUEST}
    early = given(*past).when("ConfirmErasure", asked, **at(23.9))
    early.then_refused("erasure_too_early", not_before="2026-01-06T10:00:00Z")
    given(*past).when("ConfirmErasure", {"request_id": OTHER}, **at(24)).then_refused("erasure_not_pending")
    given(*past).when("ConfirmErasure", {"via": GRACE}, **at(24)).then_refused("erasure_not_pending")
    person = given(*past).when("ConfirmErasure", asked, **at(24)).then(PersonErased(request_id=REQUEST))
    assert person.is_erased
    given(person).when("CancelErasure", asked).then_refused("person_erased")


def test_an_erasure_names_everybody_that_was_absorbed() -> None:
    past = (created(), PersonAbsorbed(source_person_id=GRACE, source_version=2), requested())
    confirmed = given(*past).when("ConfirmErasure", {"request_id": REQUEST}, **at(24))
    confirmed.then(PersonErased(request_id=REQUEST, absorbed=(GRACE,)))


def test_a_merged_person_is_erased_with_the_one_it_was_merged_into() -> None:
    merged = past_of("MergedInto")
    given(*merged).when("ConfirmErasure", {"via": OTHER}).then_refused("erasure_not_pending")
    given(*merged).when("ConfirmErasure", {"request_id": REQUEST}).then_refused("erasure_not_pending")
    person = given(*merged).when("ConfirmErasure", {"via": GRACE}).then(PersonErased(via=GRACE))
    assert (person.merged_into, person.is_erased) == (GRACE, True)


@pytest.mark.parametrize("data", [{}, {"request_id": REQUEST, "via": GRACE}])
def test_a_confirmation_has_one_ground(data: Any) -> None:
    with pytest.raises(Refused) as refused:
        command("ConfirmErasure", data)
    assert refused.value.facts["rule"] == "request_id_or_via"


@pytest.mark.parametrize("name", ["ConfirmErasure", "AbsorbPerson"])
def test_only_sagas_confirm_and_absorb(name: str) -> None:
    data = {"request_id": REQUEST} if name == "ConfirmErasure" else {"source_person_id": GRACE, "source_version": 1}
    with pytest.raises(Refused) as refused:
        command(name, data, actor="user:u-1")
    assert refused.value.code == "forbidden"


KEPT = {"person_id", "version", "status", "created_at", "updated_at", "merged_into", "absorbed", "recent", "erasure"}


def test_an_erased_person_has_nothing_personal_left() -> None:
    past = (
        created(),
        consent("profiling", True),
        BEHAVIOUR,
        LegalHoldPlaced(hold_id=WORK, reason="lawsuit"),
        PersonAbsorbed(source_person_id=GRACE, source_version=2),
        requested(),
    )
    person = person_after(*past)
    erased = apply(person, recorded(PersonErased(request_id=REQUEST, absorbed=(GRACE,)), len(past) + 1))
    new = Person.new(ADA)
    for name in Person.model_fields:
        if name not in KEPT:
            assert getattr(erased, name) == getattr(new, name), name
    assert (erased.version, erased.absorbed, erased.status) == (len(past) + 1, frozenset({GRACE}), person.status)
    assert load_state(dump_state(erased)) == erased


def test_a_replay_without_keys_gives_the_same_erased_state() -> None:
    """The names are gone from the log; what is left of the person is the same as with them."""
    gone = Redacted(**{"$redacted": "identity"})
    readable = (created(), BEHAVIOUR, requested(), PersonErased(request_id=REQUEST))
    unreadable = (
        created().model_copy(update={"name": gone}),
        BEHAVIOUR.model_copy(update={"component_data": Redacted(**{"$redacted": "behaviour"})}),
        requested(),
        PersonErased(request_id=REQUEST),
    )
    assert person_after(*readable) == person_after(*unreadable)


@pytest.mark.parametrize(
    "data",
    [
        ExportCompleted(export_id=OTHER, object_ref="x", sha256="a" * 64, expires_at=NOW),
        LegalHoldLifted(hold_id=OTHER),
        ErasureCancelled(request_id=OTHER),
    ],
)
def test_the_end_of_what_never_began_changes_nothing(data: Any) -> None:
    person = person_after(created(), requested())
    assert evolve(person, recorded(data, 3)) is person
