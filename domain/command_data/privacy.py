"""Commands on consent, exports, legal holds and erasure."""

import re
from ipaddress import ip_address
from typing import Annotated, Final, Self

from pydantic import Field, StrictInt, model_validator

from domain.command_data.base import SAGAS, CommandData, CommandSpec
from domain.ids import Uuid
from domain.standing import ConsentType, ExportFormat, LegalBasis
from domain.times import Day, Instant
from domain.values.rules import Flag, Reason, ShortText, UsableId, broken, on_entry

_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_REFERENCE: Final = re.compile(r"[!-~]{1,512}", re.ASCII)


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise broken("ip_address") from None


def _digest(text: str) -> str:
    if _SHA256.fullmatch(text) is None:
        raise broken("sha256")
    return text


def _reference(text: str) -> str:
    if _REFERENCE.fullmatch(text) is None:
        raise broken("object_ref")
    return text


class RecordConsent(CommandData):
    """Grant or refuse a type of consent, under a version of the terms."""

    consent_type: ConsentType
    granted: Flag
    terms_version: ShortText
    ip_address: Annotated[str, on_entry(_address)] | None = None


class RequestExport(CommandData):
    """Have all data of the person exported."""

    format: ExportFormat = "Json"


class CompleteExport(CommandData):
    """Say where the export is, what its bytes hash to, and how long it stays."""

    export_id: Uuid
    object_ref: Annotated[str, on_entry(_reference, pattern=f"^{_REFERENCE.pattern}$")]
    sha256: Annotated[str, on_entry(_digest, pattern=f"^{_SHA256.pattern}$")]
    expires_at: Instant


class PlaceLegalHold(CommandData):
    """Forbid erasure, at most until the end of a day."""

    hold_id: UsableId | None = None
    reason: Reason
    until: Day | None = None


class LiftLegalHold(CommandData):
    """End a hold."""

    hold_id: Uuid


class RequestErasure(CommandData):
    """Have the personal data erased once `grace_hours` hours have passed."""

    legal_basis: LegalBasis
    grace_hours: Annotated[StrictInt, Field(ge=0, le=720)] = 24


class CancelErasure(CommandData):
    """Keep the personal data after all."""

    request_id: Uuid


class ConfirmErasure(CommandData):
    """Erase: what was requested, or a merged person together with the one that it was merged into."""

    request_id: Uuid | None = None
    via: Uuid | None = None

    @model_validator(mode="after")
    def _one_ground(self) -> Self:
        if (self.request_id is None) == (self.via is None):
            raise broken("request_id_or_via")
        return self


COMMANDS: Final[tuple[CommandSpec, ...]] = (
    CommandSpec("privacy.record_consent", RecordConsent),
    CommandSpec("privacy.request_export", RequestExport),
    CommandSpec("privacy.complete_export", CompleteExport),
    CommandSpec("privacy.place_legal_hold", PlaceLegalHold),
    CommandSpec("privacy.lift_legal_hold", LiftLegalHold),
    CommandSpec("privacy.request_erasure", RequestErasure),
    CommandSpec("privacy.cancel_erasure", CancelErasure),
    CommandSpec("privacy.confirm_erasure", ConfirmErasure, SAGAS),
)
