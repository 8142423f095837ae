"""The statuses of a person, and which command may be decided in which of them.

The matrix is keyed on status and kind of command only, never on what a command carries.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Literal


class Status(StrEnum):
    """Status of a person. A person that does not exist yet is Draft too."""

    DRAFT = "Draft"
    ACTIVE = "Active"
    SUSPENDED = "Suspended"
    ARCHIVED = "Archived"
    DECEASED = "Deceased"
    MERGED_INTO = "MergedInto"


Column = Literal["New", "Draft", "Active", "Suspended", "Archived", "Deceased", "MergedInto"]
COLUMNS: Final[tuple[Column, ...]] = (
    "New",
    "Draft",
    "Active",
    "Suspended",
    "Archived",
    "Deceased",
    "MergedInto",
)
TERMINAL: Final = frozenset({Status.ARCHIVED, Status.DECEASED, Status.MERGED_INTO})
OK: Final = "ok"


def _row(*cells: str) -> Mapping[Column, str]:
    return dict(zip(COLUMNS, cells, strict=True))


_NEW, _AWAY = "person_not_found", "merged_away"
_ENDED = ("terminal", "terminal", _AWAY)
_LIFECYCLE = "invalid_transition"
_CLOSED = "onboarding_not_active"

_CREATE = _row(OK, *["person_exists"] * 6)
_WRITE = _row(_NEW, "not_active", OK, "not_active", *_ENDED)
_END_ACTIVE = _row(_NEW, _LIFECYCLE, OK, _LIFECYCLE, *_ENDED)
_RELATE = _row(_NEW, "not_active", OK, OK, *_ENDED)
_ONBOARD = _row(_NEW, OK, _CLOSED, _CLOSED, *_ENDED)
_SUPPORT = _row(_NEW, OK, OK, OK, *_ENDED)
_PRIVACY = _row(_NEW, OK, OK, OK, OK, OK, _AWAY)

MATRIX: Final[Mapping[str, Mapping[Column, str]]] = {
    "CreatePerson": _CREATE,
    "SuspendPerson": _END_ACTIVE,
    "MergePersons": _END_ACTIVE,
    "ReactivatePerson": _row(_NEW, _LIFECYCLE, _LIFECYCLE, OK, *_ENDED),
    "ArchivePerson": _SUPPORT,
    "RecordDeath": _row(_NEW, _LIFECYCLE, OK, OK, *_ENDED),
    "AbsorbPerson": _row(_NEW, _LIFECYCLE, OK, OK, OK, OK, _AWAY),
    "StartOnboarding": _row(_NEW, OK, _LIFECYCLE, _LIFECYCLE, *_ENDED),
    "RecordInactivity": _RELATE,
    "RecordConsent": _row(_NEW, OK, OK, OK, OK, "terminal", _AWAY),
    "ConfirmErasure": _row(_NEW, *[OK] * 6),
    **dict.fromkeys(
        (
            "UpdatePerson",
            "AwardTitle",
            "RevokeTitle",
            "RecordAttribute",
            "InvalidateAttribute",
            "AddComponent",
            "UpdateComponent",
            "RemoveComponent",
            "VerifyComponent",
            "SetPrimaryComponent",
            "EndorseSkill",
            "AnalyzeSkills",
        ),
        _WRITE,
    ),
    **dict.fromkeys(
        (
            "LinkIdentity",
            "UnlinkIdentity",
            "RecordIdentityVerification",
            "AssignLocation",
            "RemoveLocation",
            "AddEmployment",
            "EndEmployment",
            "ChangeEmploymentRole",
            "AssignAgent",
            "UnassignAgent",
        ),
        _RELATE,
    ),
    **dict.fromkeys(
        (
            "VerifyIdentity",
            "AssignOnboardingLocation",
            "ProvideBasicInfo",
            "ProvideComponents",
            "CompleteOnboarding",
            "FailOnboarding",
            "RevertOnboardingStep",
        ),
        _ONBOARD,
    ),
    **dict.fromkeys(("RecordActivity", "RequestNotification", "FlagQuality", "ClearQuality"), _SUPPORT),
    **dict.fromkeys(
        ("RequestExport", "CompleteExport", "RequestErasure", "PlaceLegalHold", "LiftLegalHold", "CancelErasure"),
        _PRIVACY,
    ),
}
"""Command name and column to ``ok`` (goes on to the guards) or a refusal code."""
