"""Effects of the events of consent, exports, legal holds and erasure."""

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
from domain.events import Event
from domain.evolution.base import changed, effects
from domain.person import Person
from domain.standing import Consent, ErasurePending, LegalHold

EFFECTS, on = effects()


@on(ConsentRecorded)
def _consent(person: Person, data: ConsentRecorded, event: Event) -> Person:
    consent = Consent.model_construct(granted=data.granted, terms_version=data.terms_version, at=event.time)
    return changed(person, consents={**person.consents, data.consent_type: consent})


@on(ExportRequested)
def _export_requested(person: Person, data: ExportRequested, _: Event) -> Person:
    return changed(person, exports={**person.exports, data.export_id: "Pending"})


@on(ExportCompleted)
def _export_completed(person: Person, data: ExportCompleted, _: Event) -> Person:
    if person.exports.get(data.export_id) != "Pending":
        return person
    return changed(person, exports={**person.exports, data.export_id: "Ready"})


@on(LegalHoldPlaced)
def _hold_placed(person: Person, data: LegalHoldPlaced, _: Event) -> Person:
    return changed(person, holds={**person.holds, data.hold_id: LegalHold.model_construct(until=data.until)})


@on(LegalHoldLifted)
def _hold_lifted(person: Person, data: LegalHoldLifted, _: Event) -> Person:
    if data.hold_id not in person.holds:
        return person
    return changed(person, holds={key: hold for key, hold in person.holds.items() if key != data.hold_id})


@on(ErasureRequested)
def _erasure_requested(person: Person, data: ErasureRequested, _: Event) -> Person:
    pending = ErasurePending.model_construct(request_id=data.request_id, not_before=data.not_before)
    return changed(person, erasure=pending)


@on(ErasureCancelled)
def _erasure_cancelled(person: Person, data: ErasureCancelled, _: Event) -> Person:
    if not isinstance(person.erasure, ErasurePending) or person.erasure.request_id != data.request_id:
        return person
    return changed(person, erasure=None)


@on(PersonErased)
def _erased(person: Person, _: PersonErased, __: Event) -> Person:
    # Built from nothing, not by clearing fields: a field that is added later is erased without anybody thinking of it.
    return Person.model_construct(
        person_id=person.person_id,
        version=person.version,
        status=person.status,
        created_at=person.created_at,
        updated_at=person.updated_at,
        merged_into=person.merged_into,
        absorbed=person.absorbed,
        recent=person.recent,
        erasure="Erased",
    )
