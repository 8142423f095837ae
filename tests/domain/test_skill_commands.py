"""Skills: others vouch for them, and Git profiles show them."""

from typing import Any

import pytest

from domain.components.git_profile import GitProfileComponent
from domain.components.instance import MAX_COMPONENTS, Provenance
from domain.components.skill import SkillComponent
from domain.event_data.component import ComponentAdded, ComponentUpdated, SkillEndorsed
from domain.event_data.policy import DerivedSkill, RecommendedSkill, SkillAnalysis, SkillsAnalyzed
from domain.evolve import evolve
from domain.ids import derive
from domain.person import Person, dump_state, load_state
from domain.personal import Redacted
from tests.domain.specification import ADA, GRACE, NOW, admitted, created, given, person_after, recorded, uuid

RUST, FORGE, OLD_FORGE = uuid("rust"), uuid("forge"), uuid("old forge")
COMMAND = uuid("command AnalyzeSkills")


def skill(component_id: str, name: str = "Rust", proficiency: str = "Beginner", **fields: Any) -> ComponentAdded:
    data = admitted(SkillComponent, name=name, category="Programming", proficiency=proficiency)
    return ComponentAdded(component_id=component_id, component_type="Skill", component_data=data, **fields)


def profile(component_id: str, *languages: Any, username: str = "ada") -> ComponentAdded:
    data = admitted(GitProfileComponent, username=username, languages=list(languages))
    return ComponentAdded(component_id=component_id, component_type="GitProfile", component_data=data)


def analyzed(
    *ids: str, derived: tuple[tuple[str, Any], ...] = (), recommended: tuple[tuple[str, float, str], ...] = ()
) -> SkillsAnalyzed:
    return SkillsAnalyzed(
        git_component_ids=ids,
        result=SkillAnalysis(
            derived=tuple(DerivedSkill(name=name, proficiency=level) for name, level in derived),
            recommended=tuple(
                RecommendedSkill(name=name, confidence=sure, source=of) for name, sure, of in recommended
            ),
        ),
    )


def found(name: str, proficiency: str, *, origin: str = FORGE, is_primary: bool = False) -> ComponentAdded:
    return skill(
        derive(COMMAND, f"skill:{name.casefold()}"),
        name,
        proficiency,
        is_primary=is_primary,
        provenance=Provenance(kind="Derived", derived_from=origin),
    )


def test_an_endorsement_is_kept_with_its_day() -> None:
    asked = {"component_id": RUST, "endorser_id": GRACE, "comment": "writes it daily"}
    endorsed = SkillEndorsed(component_id=RUST, endorser_id=GRACE, comment="writes it daily")
    person = given(created(), skill(RUST)).when("EndorseSkill", asked).then(endorsed)
    held = person.components[RUST].data
    assert isinstance(held, SkillComponent)
    (endorsement,) = held.endorsements
    assert (endorsement.endorser_id, endorsement.date, endorsement.comment) == (GRACE, NOW.date(), "writes it daily")
    assert load_state(dump_state(person)) == person


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        ({"endorser_id": GRACE}, {"endorser_id": GRACE, "comment": "again"}, "no_change"),
        ({"endorser_name": "Grace Hopper"}, {"endorser_name": " GRACE hopper "}, "no_change"),
        ({"endorser_id": GRACE}, {"endorser_id": uuid("another")}, None),
        ({"endorser_id": GRACE, "endorser_name": "Grace"}, {"endorser_name": "Grace"}, None),
    ],
)
def test_everybody_vouches_once(first: Any, second: Any, code: Any) -> None:
    past = (created(), skill(RUST), SkillEndorsed(component_id=RUST, **first))
    specification = given(*past).when("EndorseSkill", {"component_id": RUST, **second})
    if code:
        specification.then_refused(code)
    else:
        assert specification.events


def test_nobody_vouches_for_themselves() -> None:
    asked = {"component_id": RUST, "endorser_id": ADA}
    given(created(), skill(RUST)).when("EndorseSkill", asked).then_refused("self_reference")


def test_only_skills_are_vouched_for() -> None:
    asked = {"component_id": FORGE, "endorser_id": ADA}
    specification = given(created(), profile(FORGE)).when("EndorseSkill", asked)
    specification.then_refused("component_type_mismatch", expected="GitProfile")


REDACTED = Redacted(**{"$redacted": "profile"})


def test_an_endorsement_stays_when_nobody_can_read_any_more_who_gave_it() -> None:
    person = person_after(created(), skill(RUST))
    unreadable = SkillEndorsed(component_id=RUST, endorser_id=REDACTED, endorser_name=REDACTED, comment=REDACTED)
    held = evolve(person, recorded(unreadable, 3)).components[RUST].data
    assert isinstance(held, SkillComponent)
    assert [(one.endorser_id, one.date) for one in held.endorsements] == [(None, NOW.date())]


@pytest.mark.parametrize(
    ("data", "after"),
    [
        ({"name": "Rust"}, {"name": "Rust", "endorsements": [{"endorser_id": GRACE, "date": "2026-01-05"}]}),
        (REDACTED, REDACTED),
    ],
    ids=["raw", "redacted"],
)
def test_a_skill_that_does_not_fit_its_model_is_endorsed_all_the_same(data: Any, after: Any) -> None:
    raw = ComponentAdded(component_id=RUST, component_type="Skill", component_data=data)
    person = evolve(person_after(created(), raw), recorded(SkillEndorsed(component_id=RUST, endorser_id=GRACE), 3))
    assert person.components[RUST].data == after
    again = given(person).when("EndorseSkill", {"component_id": RUST, "endorser_id": GRACE})
    assert (again.refusal is not None) == (data is not REDACTED)


@pytest.mark.parametrize(
    ("lines", "proficiency"),
    [
        (0, "Beginner"),
        (1000, "Beginner"),
        (1001, "Intermediate"),
        (5000, "Intermediate"),
        (5001, "Advanced"),
        (20_000, "Advanced"),
        (20_001, "Expert"),
    ],
)
def test_lines_tell_how_well_a_language_is_known(lines: int, proficiency: str) -> None:
    forge = profile(FORGE, {"language": "Zig", "lines": lines})
    specification = given(created(), forge).when("AnalyzeSkills", {})
    specification.then(found("Zig", proficiency, is_primary=True), analyzed(FORGE, derived=(("Zig", proficiency),)))


def test_a_language_counts_from_a_share_of_five_percent_or_when_nobody_measured_it() -> None:
    forge = profile(
        FORGE,
        {"language": "Zig", "share": 5},
        {"language": "Ada", "share": 4.9},
        "COBOL",
        {"language": "C", "share": 95},
    )
    person = (
        given(created(), forge)
        .when("AnalyzeSkills", {"component_id": FORGE})
        .then(
            found("C", "Beginner", is_primary=True),
            found("COBOL", "Beginner"),
            found("Zig", "Beginner"),
            analyzed(FORGE, derived=(("C", "Beginner"), ("COBOL", "Beginner"), ("Zig", "Beginner"))),
        )
    )
    assert [held.data.name for held in person.components_of("Skill") if held.is_primary] == ["C"]  # type: ignore[union-attr]


def test_profiles_are_taken_together() -> None:
    past = (
        created(),
        profile(OLD_FORGE, {"language": "Zig", "lines": 600, "share": 2}, username="old"),
        profile(FORGE, {"language": "ZIG", "lines": 600, "share": 60}),
    )
    first, second = sorted((OLD_FORGE, FORGE))
    name = "Zig" if first == OLD_FORGE else "ZIG"
    given(*past).when("AnalyzeSkills", {}).then(
        found(name, "Intermediate", origin=first, is_primary=True),
        analyzed(first, second, derived=((name, "Intermediate"),)),
    )
    alone = given(*past).when("AnalyzeSkills", {"component_id": OLD_FORGE})
    alone.then(analyzed(OLD_FORGE))


def test_a_derived_skill_rises_and_never_falls_and_an_entered_one_stays() -> None:
    forge = profile(FORGE, {"language": "Rust", "lines": 9000})
    origin = Provenance(kind="Derived", derived_from=FORGE)
    result = analyzed(
        FORGE,
        derived=(("Rust", "Advanced"),),
        recommended=(("Systems Programming", 0.9, "Rust"), ("WebAssembly", 0.7, "Rust")),
    )
    lower = skill(RUST, "rust", "Beginner", provenance=origin)
    risen = ComponentUpdated(component_id=RUST, component_type="Skill", changes={"proficiency": "Advanced"})
    given(created(), forge, lower).when("AnalyzeSkills", {}).then(risen, result)
    for stays in (
        skill(RUST, "rust", "Expert", provenance=origin),
        skill(RUST, "rust", "Beginner", provenance=Provenance(kind="Entered")),
        skill(RUST, "rust", "Beginner"),
    ):
        given(created(), forge, stays).when("AnalyzeSkills", {}).then(result)


def test_what_goes_with_a_language_is_recommended_unless_it_is_held() -> None:
    forge = profile(FORGE, "Python", "TypeScript", "JavaScript", {"language": "Rust", "share": 1})
    held = skill(RUST, "data  science".replace("  ", " "))
    person = given(created(), forge, held).when("AnalyzeSkills", {})
    assert isinstance(person.events[-1].data, SkillsAnalyzed)
    result = person.events[-1].data.result
    assert isinstance(result, SkillAnalysis)
    assert [(one.name, one.confidence, one.source) for one in result.recommended] == [
        ("Web Development", 0.95, "JavaScript"),
        ("Automation", 0.85, "Python"),
    ]


def test_an_analysis_is_repeated_without_a_second_skill() -> None:
    forge = profile(FORGE, "Zig")
    once = given(created(), forge).when("AnalyzeSkills", {})
    person = once.then(*(event.data for event in once.events))
    given(person).when("AnalyzeSkills", {}, id=uuid("again")).then(analyzed(FORGE, derived=(("Zig", "Beginner"),)))


def test_without_a_git_profile_there_is_nothing_to_analyze() -> None:
    given(created(), skill(RUST)).when("AnalyzeSkills", {}).then_refused("nothing_to_analyze")
    named = given(created(), skill(RUST)).when("AnalyzeSkills", {"component_id": RUST})
    named.then_refused("component_type_mismatch", expected="Skill")
    given(created()).when("AnalyzeSkills", {"component_id": RUST}).then_refused("component_not_found")


def test_an_analysis_does_not_exceed_the_number_of_components() -> None:
    person = person_after(created(), profile(FORGE, "Zig", "C"))
    held = person.components[FORGE]
    others = {uuid(str(n)): held.model_copy(update={"component_type": "Tag"}) for n in range(MAX_COMPONENTS - 2)}
    crowded: Person = person.model_copy(update={"components": {**others, FORGE: held}})
    given(crowded).when("AnalyzeSkills", {}).then_refused("component_limit", limit=MAX_COMPONENTS)


def test_an_analysis_that_adds_nothing_is_done_for_a_person_that_merges_made_too_large() -> None:
    person = person_after(created(), profile(FORGE))
    held = person.components[FORGE]
    others = {uuid(str(n)): held.model_copy(update={"component_type": "Tag"}) for n in range(MAX_COMPONENTS)}
    crowded: Person = person.model_copy(update={"components": {**others, FORGE: held}})
    given(crowded).when("AnalyzeSkills", {}).then(analyzed(FORGE))


def test_a_language_without_a_name_in_an_old_profile_is_no_skill() -> None:
    data = {"username": "ada", "languages": ["", " ", "Zig"]}
    old = ComponentAdded(component_id=FORGE, component_type="GitProfile", component_data=data)
    asked = given(created(), old).when("AnalyzeSkills", {})
    asked.then(found("Zig", "Beginner", is_primary=True), analyzed(FORGE, derived=(("Zig", "Beginner"),)))
