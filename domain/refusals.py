"""Codes of outcomes and query errors, with their meaning. Codes are stable: never reused, never renamed."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pydantic import JsonValue

REFUSAL_CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "invalid_command": "bad shape, unknown type, subject differs from type, or a value outside its rule",
        "clock_skew": "the time of the command is too far from its storage time",
        "forbidden": "actors of this kind may not send the command",
        "depth_exceeded": "the chain of causes is longer than 8",
        "person_not_found": "no person with this id",
        "person_exists": "the id is already used",
        "person_erased": "the person was erased",
        "erasure_pending": "erasure was requested",
        "version_conflict": "the expected version differs from the version of the person",
        "invalid_transition": "the status does not allow this lifecycle command",
        "not_active": "writes need an Active person",
        "terminal": "the person is Archived or Deceased",
        "merged_away": "the person was merged into another",
        "no_change": "nothing would differ",
        "invalid_date": "a date in the future where that is forbidden, or dates in the wrong order",
        "birth_date_already_set": "another birth date is set",
        "self_reference": "the person refers to itself",
        "title_not_found": "unknown title id",
        "attribute_not_found": "unknown attribute id",
        "component_limit": "the person has the largest number of components",
        "component_exists": "the id, the natural key or the single slot is taken",
        "component_not_found": "unknown component id",
        "component_type_mismatch": "the id belongs to a component of another type",
        "component_invalid": "the patched data breaks its rules",
        "consent_required": "a needed consent is not granted",
        "nothing_to_analyze": "the person has no Git profile",
        "relation_exists": "the link is already held",
        "relation_not_found": "no such link",
        "relation_ambiguous": "several links match",
        "onboarding_in_progress": "an onboarding run is active or not fully reverted",
        "onboarding_not_active": "no onboarding run could take this",
        "onboarding_wrong_step": "another onboarding step is due",
        "onboarding_revert_order": "onboarding steps are undone last first",
        "merge_target_unfit": "the target is missing, not Active or being erased",
        "absorb_source_invalid": "the source is not merged into this person",
        "already_absorbed": "the source was absorbed before",
        "not_inactive": "activity is more recent than the threshold",
        "already_reported": "the threshold was already reported",
        "already_notified": "template and key were already used",
        "flag_not_found": "unknown flag id",
        "export_pending": "an export is being made",
        "export_not_found": "no such pending export",
        "hold_not_found": "unknown hold id",
        "legal_hold": "an open hold forbids erasure",
        "erasure_not_pending": "no such erasure request",
        "erasure_too_early": "the grace period is not over",
        "saga_exists": "a saga with the same business key exists",
        "saga_not_found": "unknown saga",
        "saga_transition": "the status of the saga forbids it",
        "policy_invalid": "the document does not compile, check or pass its examples",
        "policy_version_exists": "not the next version of the policy",
        "policy_not_found": "unknown policy or version",
        "policy_transition": "the status of the rule forbids it",
        "policy_protected": "the policy may not be suspended or retired",
        "denied_by_policy": "a deny rule of the installation forbids the command",
    }
)

FAILURE_CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "conflict": "the race for the append was lost 4 times, or the target of a merge may be merged itself",
        "unavailable": "stream or state store unreachable within the deadline",
        "key_unavailable": "personal data could not be protected or read for now",
        "timeout": "the deadline of the handler passed",
        "internal_error": "a defect; a dead letter with the command exists",
    }
)

QUERY_ERROR_CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "invalid_query": "shape or value outside its rule",
        "forbidden": "the role lacks the right",
        "not_found": "no such person, saga, outcome, export or correlation",
        "gone": "the person was erased",
        "not_ready": "the model has not reached the wanted position",
        "cursor_expired": "the cursor is too old, or belongs to another request",
        "overloaded": "refused to protect the service",
        "timeout": FAILURE_CODES["timeout"],
        "unavailable": FAILURE_CODES["unavailable"],
        "internal_error": FAILURE_CODES["internal_error"],
    }
)


class Refused(Exception):  # noqa: N818 - named as what happened
    """A decision against a command. Code, reason and facts hold codes, ids, numbers and field names only."""

    def __init__(self, code: str, reason: str = "", **facts: JsonValue) -> None:
        super().__init__(code)
        assert code in REFUSAL_CODES, code
        self.code = code
        self.reason = reason or REFUSAL_CODES[code]
        self.facts: dict[str, JsonValue] = facts
