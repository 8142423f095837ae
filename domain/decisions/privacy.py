"""Decides on consent, exports, legal holds and erasure."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from domain.command_data.base import CommandData
from domain.command_data.privacy import (
    CancelErasure,
    CompleteExport,
    ConfirmErasure,
    LiftLegalHold,
    PlaceLegalHold,
    RecordConsent,
    RequestErasure,
    RequestExport,
)
from domain.commands import Command
from domain.decisions.base import Decision, Payloads
from domain.decisions.component_guards import removals
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
from domain.ids import derive
from domain.person import Person
from domain.refusals import Refused
from domain.standing import ErasurePending
from domain.status import Status
from domain.times import format_instant


def record_consent(_: Command, data: RecordConsent, person: Person) -> Payloads:
    """The decision; with a refusal goes what needs the consent."""
    held = person.consents.get(data.consent_type)
    if held is not None and (held.granted, held.terms_version) == (data.granted, data.terms_version):
        raise Refused("no_change")
    recorded = ConsentRecorded(
        consent_type=data.consent_type,
        granted=data.granted,
        terms_version=data.terms_version,
        ip_address=data.ip_address,
    )
    return (recorded,) if data.granted else (recorded, *removals(person, data.consent_type))


def request_export(command: Command, data: RequestExport, person: Person) -> Payloads:
    """One export at a time."""
    if "Pending" in person.exports.values():
        raise Refused("export_pending")
    return (ExportRequested(export_id=derive(command.id, "export"), format=data.format),)


def complete_export(_: Command, data: CompleteExport, person: Person) -> Payloads:
    """The pending export is there."""
    if person.exports.get(data.export_id) != "Pending":
        raise Refused("export_not_found", export_id=data.export_id)
    return (
        ExportCompleted(
            export_id=data.export_id, object_ref=data.object_ref, sha256=data.sha256, expires_at=data.expires_at
        ),
    )


def place_hold(command: Command, data: PlaceLegalHold, person: Person) -> Payloads:
    """Another hold."""
    hold_id = data.hold_id or derive(command.id, "hold")
    if hold_id in person.holds:
        raise Refused("no_change")
    return (LegalHoldPlaced(hold_id=hold_id, reason=data.reason, until=data.until),)


def lift_hold(_: Command, data: LiftLegalHold, person: Person) -> Payloads:
    """The hold is over."""
    if data.hold_id not in person.holds:
        raise Refused("hold_not_found", hold_id=data.hold_id)
    return (LegalHoldLifted(hold_id=data.hold_id),)


def request_erasure(command: Command, data: RequestErasure, person: Person) -> Payloads:
    """Erasure after the grace period, unless a hold is open."""
    for hold_id, hold in sorted(person.holds.items()):
        if hold.is_open_on(command.now.date()):
            raise Refused("legal_hold", hold_id=hold_id)
    return (
        ErasureRequested(
            request_id=derive(command.id, "erasure"),
            legal_basis=data.legal_basis,
            not_before=command.now + timedelta(hours=data.grace_hours),
        ),
    )


def cancel_erasure(_: Command, data: CancelErasure, person: Person) -> Payloads:
    """The personal data stays."""
    _require_pending(person, data.request_id)
    return (ErasureCancelled(request_id=data.request_id),)


def confirm_erasure(command: Command, data: ConfirmErasure, person: Person) -> Payloads:
    """Erased: on request after the grace period, or at once with the person that this one was merged into."""
    if person.status is Status.MERGED_INTO:
        if data.via != person.merged_into:
            raise Refused("erasure_not_pending", merged_into=person.merged_into)
    else:
        pending = _require_pending(person, data.request_id)
        if command.now < pending.not_before:
            raise Refused("erasure_too_early", not_before=format_instant(pending.not_before))
    return (PersonErased(request_id=data.request_id, absorbed=tuple(sorted(person.absorbed)), via=data.via),)


def _require_pending(person: Person, request_id: str | None) -> ErasurePending:
    pending = person.erasure
    if not isinstance(pending, ErasurePending) or pending.request_id != request_id:
        raise Refused("erasure_not_pending")
    return pending


DECISIONS: Final[Mapping[type[CommandData], Decision]] = {
    RecordConsent: record_consent,
    RequestExport: request_export,
    CompleteExport: complete_export,
    PlaceLegalHold: place_hold,
    LiftLegalHold: lift_hold,
    RequestErasure: request_erasure,
    CancelErasure: cancel_erasure,
    ConfirmErasure: confirm_erasure,
}
