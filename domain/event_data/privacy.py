"""Events of consent, exports, legal holds and erasure."""

from typing import Final

from domain.event_data.base import EventData, EventSpec
from domain.ids import Uuid
from domain.personal import OfContact, OfProfile
from domain.standing import ConsentType, ExportFormat, LegalBasis
from domain.times import Day, Instant
from domain.values.rules import Flag


class ConsentRecorded(EventData):
    """A type of consent was granted or refused."""

    consent_type: ConsentType
    granted: Flag
    terms_version: str
    ip_address: OfContact[str] | None = None


class ExportRequested(EventData):
    """All data of the person is to be exported."""

    export_id: Uuid
    format: ExportFormat


class ExportCompleted(EventData):
    """The export can be fetched until it expires."""

    export_id: Uuid
    object_ref: str
    sha256: str
    expires_at: Instant


class LegalHoldPlaced(EventData):
    """The data has to be kept, at most until the end of a day."""

    hold_id: Uuid
    reason: OfProfile[str]
    until: Day | None = None


class LegalHoldLifted(EventData):
    """The data need not be kept any more on behalf of this hold."""

    hold_id: Uuid


class ErasureRequested(EventData):
    """The personal data is to be erased, not before an instant."""

    request_id: Uuid
    legal_basis: LegalBasis
    not_before: Instant


class ErasureCancelled(EventData):
    """The personal data stays."""

    request_id: Uuid


class PersonErased(EventData):
    """The personal data is gone. `absorbed` has to be erased too; `via` names the person whose erasure led to this one."""

    request_id: Uuid | None = None
    absorbed: tuple[Uuid, ...] = ()
    via: Uuid | None = None


EVENTS: Final[tuple[EventSpec, ...]] = (
    EventSpec("person.consent_recorded", 2, "privacy", "consent_recorded", ConsentRecorded),
    EventSpec("person.export_requested", 1, "privacy", "export_requested", ExportRequested),
    EventSpec("person.export_completed", 1, "privacy", "export_completed", ExportCompleted),
    EventSpec("person.legal_hold_placed", 1, "privacy", "legal_hold_placed", LegalHoldPlaced),
    EventSpec("person.legal_hold_lifted", 1, "privacy", "legal_hold_lifted", LegalHoldLifted),
    EventSpec("person.erasure_requested", 1, "privacy", "erasure_requested", ErasureRequested),
    EventSpec("person.erasure_cancelled", 1, "privacy", "erasure_cancelled", ErasureCancelled),
    EventSpec("person.erased", 1, "privacy", "erased", PersonErased),
)
