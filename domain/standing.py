"""What is agreed and pending about a person's data: consents, exports, legal holds, erasure, notifications, quality flags."""

from datetime import date
from typing import Literal

from domain.ids import Uuid
from domain.model import Frozen
from domain.times import Day, Instant

ConsentType = Literal["analytics", "marketing", "third_party_sharing", "profiling"]
ExportState = Literal["Pending", "Ready"]
ExportFormat = Literal["Json", "JsonLines"]
LegalBasis = Literal["DataSubjectRequest", "ConsentWithdrawn", "RetentionExpired", "LegalObligation"]
NotificationPurpose = Literal["Service", "Marketing"]
NotificationChannel = Literal["Email", "Phone", "SMS", "InAppNotification", "PostalMail"]


class Consent(Frozen):
    """The last decision about one type of consent."""

    granted: bool
    terms_version: str
    at: Instant


class LegalHold(Frozen):
    """Forbids erasure while it is open."""

    until: Day | None = None

    def is_open_on(self, day: date) -> bool:
        """Whether it still forbids erasure on a day."""
        return self.until is None or day <= self.until


class QualityFlag(Frozen):
    """Something that somebody should look at."""

    flag: str
    component_id: str | None = None


class ErasurePending(Frozen):
    """Erasure was asked for and takes place after the grace period."""

    request_id: Uuid
    not_before: Instant
