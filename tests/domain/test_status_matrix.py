"""The status matrix, written down a second time from the specification, against what decide does."""

from typing import Any

import pytest

from domain.commands import COMMANDS
from domain.decide import decide
from domain.refusals import Refused
from domain.status import COLUMNS, MATRIX
from tests.domain.specification import COMMAND_TYPES, command, given, past_of

DATA: dict[str, dict[str, Any]] = {
    "CreatePerson": {"name": {"given_names": ["Ada"]}, "source": "hr"},
    "UpdatePerson": {"birth_date": "1815-12-10"},
    "SuspendPerson": {"reason": "away"},
    "ReactivatePerson": {"reason": "back"},
    "ArchivePerson": {"reason": "left"},
    "RecordDeath": {"date_of_death": "2026-01-01"},
    "AddComponent": {
        "component_type": "Skill",
        "data": {"name": "Mathematics", "category": "Analytical", "proficiency": "Expert"},
    },
    "UpdateComponent": {
        "component_id": "0190c8a2-7b1e-7c3d-9a4f-1b2c3d4e5f6f",
        "component_type": "Skill",
        "changes": {"name": "Algebra"},
    },
    "RemoveComponent": {"component_id": "0190c8a2-7b1e-7c3d-9a4f-1b2c3d4e5f6f", "component_type": "Skill"},
}

ORACLE = """
CreatePerson     ok               person_exists      person_exists      person_exists      person_exists person_exists person_exists
UpdatePerson     person_not_found not_active         ok                 not_active         terminal      terminal      merged_away
AddComponent     person_not_found not_active         ok                 not_active         terminal      terminal      merged_away
UpdateComponent  person_not_found not_active         ok                 not_active         terminal      terminal      merged_away
RemoveComponent  person_not_found not_active         ok                 not_active         terminal      terminal      merged_away
SuspendPerson    person_not_found invalid_transition ok                 invalid_transition terminal      terminal      merged_away
ReactivatePerson person_not_found invalid_transition invalid_transition ok                 terminal      terminal      merged_away
ArchivePerson    person_not_found ok                 ok                 ok                 terminal      terminal      merged_away
RecordDeath      person_not_found invalid_transition ok                 ok                 terminal      terminal      merged_away
"""

CELLS = [
    (name, status, verdict)
    for name, *verdicts in map(str.split, ORACLE.strip().splitlines())
    for status, verdict in zip(COLUMNS, verdicts, strict=True)
]
# Cells that pass the matrix and are stopped by a guard of the command.
GUARDED = {
    ("ArchivePerson", "Draft"): "onboarding_in_progress",
    ("UpdateComponent", "Active"): "component_not_found",
    ("RemoveComponent", "Active"): "component_not_found",
}


@pytest.mark.parametrize(("name", "status", "verdict"), CELLS)
def test_status_and_command_give_the_specified_verdict(name: Any, status: Any, verdict: Any) -> None:
    specification = given(*past_of(status)).when(name, DATA[name])
    expected = GUARDED.get((name, status), verdict)
    if expected == "ok":
        assert specification.refusal is None
        assert specification.events
    else:
        specification.then_refused(expected)


@pytest.mark.parametrize(("name", "status", "verdict"), CELLS)
def test_a_refusal_by_status_tells_status_and_command(name: Any, status: Any, verdict: Any) -> None:
    if verdict in ("not_active", "terminal", "invalid_transition"):
        given(*past_of(status)).when(name, DATA[name]).then_refused(verdict, status=status, command=name)


def test_every_command_has_a_row() -> None:
    assert MATRIX.keys() == {spec.name for spec in COMMANDS.values()} == COMMAND_TYPES.keys() == DATA.keys()


@pytest.mark.parametrize("name", [name for name in DATA if name != "CreatePerson"])
@pytest.mark.parametrize("status", [status for status in COLUMNS if status != "New"])
def test_erasure_lies_over_every_status(name: Any, status: Any) -> None:
    person = given(*past_of(status)).person
    asked = command(name, DATA[name])
    for erasure, code in (("Erased", "person_erased"), (PENDING, "erasure_pending")):
        with pytest.raises(Refused) as refused:
            decide(asked, person.model_copy(update={"erasure": erasure}))
        assert refused.value.code == code


def test_an_erased_person_is_not_created_again() -> None:
    person = given(*past_of("Active")).person.model_copy(update={"erasure": "Erased"})
    given(person).when("CreatePerson", DATA["CreatePerson"]).then_refused("person_erased")


PENDING = object()
