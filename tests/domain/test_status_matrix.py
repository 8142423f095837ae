"""The status matrix, written down a second time from the specification, against what decide does."""

from typing import Any

import pytest

from domain.commands import COMMANDS
from domain.decide import decide
from domain.refusals import Refused
from domain.status import COLUMNS, MATRIX
from tests.domain.specification import COMMAND_TYPES, GRACE, command, given, past_of

UNKNOWN = "0190c8a2-7b1e-7c3d-9a4f-1b2c3d4e5f6f"

DATA: dict[str, dict[str, Any]] = {
    "CreatePerson": {"name": {"given_names": ["Ada"]}, "source": "hr"},
    "UpdatePerson": {"birth_date": "1815-12-10"},
    "SuspendPerson": {"reason": "away"},
    "ReactivatePerson": {"reason": "back"},
    "ArchivePerson": {"reason": "left"},
    "RecordDeath": {"date_of_death": "2026-01-01"},
    "MergePersons": {"target_person_id": GRACE, "merge_reason": "UserRequested"},
    "AbsorbPerson": {"source_person_id": GRACE, "source_version": 2},
    "AwardTitle": {"title": "Countess", "title_type": "Noble"},
    "RevokeTitle": {"title_id": UNKNOWN, "revoked_date": "2026-01-01"},
    "RecordAttribute": {
        "attribute": {
            "attribute_type": "Physical",
            "name": "height",
            "value": {"type": "Length", "value": 1.65},
            "provenance": {"source": "Measured", "confidence": "Certain"},
        }
    },
    "InvalidateAttribute": {"attribute_id": UNKNOWN, "valid_until": "2026-01-01"},
    "AddComponent": {
        "component_type": "Skill",
        "data": {"name": "Mathematics", "category": "Analytical", "proficiency": "Expert"},
    },
    "UpdateComponent": {"component_id": UNKNOWN, "component_type": "Skill", "changes": {"name": "Algebra"}},
    "RemoveComponent": {"component_id": UNKNOWN, "component_type": "Skill"},
    "VerifyComponent": {"component_id": UNKNOWN, "method": "mail"},
    "SetPrimaryComponent": {"component_id": UNKNOWN},
    "EndorseSkill": {"component_id": UNKNOWN, "endorser_id": GRACE},
    "AnalyzeSkills": {},
    "LinkIdentity": {"identity_id": "i-1", "identity_type": "passport"},
    "UnlinkIdentity": {"identity_id": "i-1"},
    "RecordIdentityVerification": {"identity_id": "i-1", "verification_level": "Document"},
    "AssignLocation": {"location_id": "l-1", "location_type": "Residence"},
    "RemoveLocation": {"location_id": "l-1"},
    "AddEmployment": {"organization_id": "o-1", "role": "Analyst"},
    "EndEmployment": {"organization_id": "o-1", "end_date": "2026-01-01", "reason": "Resignation"},
    "ChangeEmploymentRole": {"organization_id": "o-1", "new_role": "Director", "effective_date": "2026-01-01"},
    "AssignAgent": {"agent_id": "a-1", "agent_type": "assistant", "assignment": "Shared"},
    "UnassignAgent": {"agent_id": "a-1"},
    "StartOnboarding": {},
    "VerifyIdentity": {"identity_id": "i-1", "identity_type": "passport", "verification_level": "Document"},
    "AssignOnboardingLocation": {"location_id": "l-1", "location_type": "Residence"},
    "ProvideBasicInfo": {
        "email": {"email": {"address": "ada@example.org"}},
        "phone": {"phone": {"number": "+49301234567"}},
    },
    "ProvideComponents": {"components": []},
    "CompleteOnboarding": {},
    "FailOnboarding": {"reason": "no answer"},
    "RevertOnboardingStep": {"step": "IdentityStep"},
    "RecordActivity": {"kind": "git_commit"},
    "RecordInactivity": {"threshold": 90},
    "RequestNotification": {"template": "welcome", "channel": "Email"},
    "FlagQuality": {"flag": "short_name"},
    "ClearQuality": {"flag_id": UNKNOWN},
    "RecordConsent": {"consent_type": "marketing", "granted": True, "terms_version": "1"},
    "RequestExport": {},
    "CompleteExport": {
        "export_id": UNKNOWN,
        "object_ref": "x",
        "sha256": "0" * 64,
        "expires_at": "2026-02-01T00:00:00Z",
    },
    "PlaceLegalHold": {"reason": "lawsuit"},
    "LiftLegalHold": {"hold_id": UNKNOWN},
    "RequestErasure": {"legal_basis": "DataSubjectRequest"},
    "CancelErasure": {"request_id": UNKNOWN},
    "ConfirmErasure": {"request_id": UNKNOWN},
}

#       New              Draft              Active                Suspended             Archived Deceased MergedInto
ORACLE = """
CreatePerson
        ok               person_exists      person_exists         person_exists         person_exists person_exists person_exists
UpdatePerson AwardTitle RevokeTitle RecordAttribute InvalidateAttribute
        person_not_found not_active         ok                    not_active            terminal terminal merged_away
AddComponent UpdateComponent RemoveComponent VerifyComponent SetPrimaryComponent EndorseSkill AnalyzeSkills
        person_not_found not_active         ok                    not_active            terminal terminal merged_away
SuspendPerson MergePersons
        person_not_found invalid_transition ok                    invalid_transition    terminal terminal merged_away
ReactivatePerson
        person_not_found invalid_transition invalid_transition    ok                    terminal terminal merged_away
ArchivePerson
        person_not_found ok                 ok                    ok                    terminal terminal merged_away
RecordDeath
        person_not_found invalid_transition ok                    ok                    terminal terminal merged_away
AbsorbPerson
        person_not_found invalid_transition ok                    ok                    ok       ok       merged_away
LinkIdentity UnlinkIdentity RecordIdentityVerification AssignLocation RemoveLocation
AddEmployment EndEmployment ChangeEmploymentRole AssignAgent UnassignAgent
        person_not_found not_active         ok                    ok                    terminal terminal merged_away
StartOnboarding
        person_not_found ok                 invalid_transition    invalid_transition    terminal terminal merged_away
VerifyIdentity AssignOnboardingLocation ProvideBasicInfo ProvideComponents
CompleteOnboarding FailOnboarding RevertOnboardingStep
        person_not_found ok                 onboarding_not_active onboarding_not_active terminal terminal merged_away
RecordActivity RequestNotification FlagQuality ClearQuality
        person_not_found ok                 ok                    ok                    terminal terminal merged_away
RecordInactivity
        person_not_found not_active         ok                    ok                    terminal terminal merged_away
RecordConsent
        person_not_found ok                 ok                    ok                    ok       terminal merged_away
RequestExport CompleteExport RequestErasure PlaceLegalHold LiftLegalHold CancelErasure
        person_not_found ok                 ok                    ok                    ok       ok       merged_away
ConfirmErasure
        person_not_found ok                 ok                    ok                    ok       ok       ok
"""


def cells() -> list[tuple[str, str, str]]:
    """Command, column and verdict: lines of names, then one line of their verdicts."""
    found: list[tuple[str, str, str]] = []
    names: list[str] = []
    for line in ORACLE.strip().splitlines():
        if line.startswith(" "):
            verdicts = line.split()
            found += [(name, *cell) for name in names for cell in zip(COLUMNS, verdicts, strict=True)]
            names = []
        else:
            names += line.split()
    return found


CELLS = cells()
# What passes the matrix and is then stopped by a guard of the command, since the sample names something unknown.
GUARDED = {
    "MergePersons": "merge_target_unfit",
    "AbsorbPerson": "absorb_source_invalid",
    "RevokeTitle": "title_not_found",
    "InvalidateAttribute": "attribute_not_found",
    "UpdateComponent": "component_not_found",
    "RemoveComponent": "component_not_found",
    "VerifyComponent": "component_not_found",
    "SetPrimaryComponent": "component_not_found",
    "EndorseSkill": "component_not_found",
    "AnalyzeSkills": "nothing_to_analyze",
    "UnlinkIdentity": "relation_not_found",
    "RecordIdentityVerification": "relation_not_found",
    "RemoveLocation": "relation_not_found",
    "EndEmployment": "relation_not_found",
    "ChangeEmploymentRole": "relation_not_found",
    "UnassignAgent": "relation_not_found",
    "StartOnboarding": "onboarding_in_progress",
    "AssignOnboardingLocation": "onboarding_wrong_step",
    "ProvideBasicInfo": "onboarding_wrong_step",
    "ProvideComponents": "onboarding_wrong_step",
    "CompleteOnboarding": "onboarding_wrong_step",
    "RevertOnboardingStep": "onboarding_not_active",
    "RecordActivity": "no_change",
    "RecordInactivity": "not_inactive",
    "ClearQuality": "flag_not_found",
    "CompleteExport": "export_not_found",
    "LiftLegalHold": "hold_not_found",
    "CancelErasure": "erasure_not_pending",
    "ConfirmErasure": "erasure_not_pending",
}
PASS_PENDING = {"CancelErasure", "ConfirmErasure", "AbsorbPerson"}


def guard_of(name: str, column: str) -> str | None:
    """The guard that stops the sample of a command in a column that lets it pass."""
    if (name, column) == ("ArchivePerson", "Draft"):
        return "onboarding_in_progress"
    return GUARDED.get(name)


@pytest.mark.parametrize(("name", "column", "verdict"), CELLS)
def test_status_and_command_give_the_specified_verdict(name: Any, column: Any, verdict: Any) -> None:
    specification = given(*past_of(column)).when(name, DATA[name])
    expected = guard_of(name, column) or verdict if verdict == "ok" else verdict
    if expected == "ok":
        assert specification.refusal is None, specification.refusal.code
        assert specification.events
    else:
        specification.then_refused(expected)
    if verdict in ("not_active", "terminal", "invalid_transition"):
        specification.then_refused(verdict, status=column, command=name)
    if verdict == "merged_away":
        specification.then_refused(verdict, target=GRACE)


def test_every_command_has_a_row() -> None:
    assert MATRIX.keys() == {spec.name for spec in COMMANDS.values()} == COMMAND_TYPES.keys() == DATA.keys()
    specified: dict[str, dict[str, str]] = {}
    for name, column, verdict in CELLS:
        specified.setdefault(name, {})[column] = verdict
    assert specified == MATRIX


@pytest.mark.parametrize("column", [column for column in COLUMNS if column != "New"])
@pytest.mark.parametrize("name", [name for name in DATA if name != "CreatePerson"])
def test_erasure_lies_over_every_status(name: Any, column: Any) -> None:
    person = given(*past_of(column)).person
    asked = command(name, DATA[name])
    with pytest.raises(Refused) as erased:
        decide(asked, person.model_copy(update={"erasure": "Erased"}))
    assert erased.value.code == "person_erased"
    if name not in PASS_PENDING:
        with pytest.raises(Refused) as pending:
            decide(asked, person.model_copy(update={"erasure": PENDING}))
        assert pending.value.code == "erasure_pending"


def test_an_erased_person_is_not_created_again() -> None:
    person = given(*past_of("Active")).person.model_copy(update={"erasure": "Erased"})
    given(person).when("CreatePerson", DATA["CreatePerson"]).then_refused("person_erased")


PENDING = object()
