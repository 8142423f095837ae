"""The index of one partition against `domain.views.search_tokens.score` and `queries.filters.holds`, which need no store."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from domain.values.rules import fold
from domain.views.search_tokens import EQUAL, Terms, field_tokens, is_one_edit_away, score, tokens
from domain.views.search_tokens import FIELDS as SEARCHED
from queries.filters import Filters, holds
from queries.index.database import IndexDatabase
from queries.index.search import After, candidates, hits, listed, one_edit_away, unmatched, vocabulary
from queries.index.selection import selection
from queries.index.skills import holders, pairs
from queries.index.view_listing import having_view
from tests.queries import documents

PERSONS = 180
TEXTS = (
    "ada",
    "an",
    "ann",
    "Anna love",
    "love ada",
    "muller",
    "MÜLLER stra",
    "東京",
    "山田",
    "山",
    "김",
    "o'brien",
    "x",
    "acme",
    "7 a",
)
FILTERS: tuple[dict[str, Any], ...] = (
    {},
    {"status": ["Active", "Suspended"]},
    {"name_prefix": "ann"},
    {"name_prefix": "anna a", "status": ["Active", "Draft"]},
    {"name_prefix": "O'Br"},
    {"email": "Ada.Anna@ACME.example"},
    {"phone": "+49 (30) 000 0001"},
    {"employer": "ACME"},
    {"employer": "acme-labs"},
    {"tag": "straße"},
    {"organization_id": "org-1", "location_id": "place-1"},
    {"location": "berl"},
    {"location": "de bern"},
    {"component_type": "Skill", "onboarding_state": "Completed"},
    {"identity_level_min": "Email"},
    {"created_from": "2026-01-04T00:00:00.25Z", "created_to": "2026-01-06T00:00:00Z"},
    {"skills": ["python", "C++"]},
    {"skills": ["RUST"], "min_proficiency": "Advanced"},
    {"min_proficiency": "Expert"},
)


class Indexed:
    """A database and the rows that it should hold."""

    def __init__(self, path: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.documents: dict[str, dict[str, Any]] = {}
        self.skills: dict[str, dict[str, Any]] = {}
        self.views: dict[str, dict[str, Any]] = {}
        for _ in range(PERSONS):
            self.change(documents.person_id(self.chance))
        self.database = IndexDatabase(path)
        rows = {"search": self.documents, "skills": self.skills, "views": self.views}
        assert self.database.build(
            {name: [(key.encode(), orjson.dumps(of[key])) for key in sorted(of)] for name, of in rows.items()},
            lambda: True,
        )

    def change(self, of: str) -> None:
        self.documents[of] = documents.document(self.chance, of)
        status = self.documents[of]["status"]
        self.skills[of] = documents.skills(self.chance, of, status)
        self.views[of] = {"person_id": of, "status": status, "contact": {}}
        if self.chance.random() < 0.8:
            self.views[of]["employee"] = {}

    def change_some(self) -> None:
        """Other rows for some, none for others, and new persons, as a feed brings them."""
        changed = self.chance.sample(sorted(self.documents), PERSONS // 3)
        for of in changed[: PERSONS // 6]:
            del self.documents[of], self.skills[of], self.views[of]
        changed += [documents.person_id(self.chance) for _ in range(PERSONS // 6)]
        for of in changed[PERSONS // 6 :]:
            self.change(of)
        for name, rows in (("search", self.documents), ("skills", self.skills), ("views", self.views)):
            self.database.apply(name, {of: orjson.dumps(rows[of]) if of in rows else None for of in changed})

    def found(self, text: str, filters: Filters, loose: tuple[str, ...] = ()) -> list[list[Any]]:
        terms = Terms(tuple(token for token in dict.fromkeys(tokens(text)) if token not in loose), loose)
        alternatives = {token: one_edit_away(token, self.database.ask(*vocabulary(token))) for token in loose}
        pages: list[list[Any]] = []
        while True:
            after = After(*pages[-1][:2]) if pages else None
            page = self.database.ask(*hits(terms, alternatives, selection(filters), after, 7))
            pages += page
            if len(page) < 7:
                return pages

    def expected(self, terms: Terms, filters: Filters) -> list[tuple[float, str]]:
        scored = [
            (-points, of)
            for of, document in self.documents.items()
            if holds(filters, document, self.skills[of]["skills"]) and (points := score(document, terms)) is not None
        ]
        return [(-points, of) for points, of in sorted(scored)]


@pytest.fixture(scope="module", params=["built", "changed"])
def indexed(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Indexed]:
    path = tmp_path_factory.mktemp("index") / "0.db"
    one = Indexed(path, seed=8)
    if request.param == "changed":
        for _ in range(5):
            one.change_some()
    yield one
    one.database.close()
    assert not path.exists()


@pytest.mark.parametrize("text", TEXTS)
def test_hits_and_their_order_are_those_of_the_rule(indexed: Indexed, text: str) -> None:
    terms = Terms(tuple(dict.fromkeys(tokens(text))))
    expected = indexed.expected(terms, Filters())

    found = indexed.found(text, Filters())

    assert [(quarters / EQUAL, of) for quarters, of, _ in found] == expected
    assert all(shown["display_name"] == indexed.documents[of]["display_name"] for _, of, shown in found)


@pytest.mark.parametrize("asked", FILTERS, ids=str)
def test_filters_select_those_for_whom_they_hold(indexed: Indexed, asked: dict[str, Any]) -> None:
    filters = Filters.model_validate(asked)
    expected = sorted(of for of, one in indexed.documents.items() if holds(filters, one, indexed.skills[of]["skills"]))

    found = indexed.database.ask(*listed(selection(filters), "", 1000))
    half = indexed.database.ask(*listed(selection(filters), expected[len(expected) // 2] if expected else "", 1000))

    assert [of for _, of, _ in found] == expected
    employees = [of for of in expected if "employee" in indexed.views[of]]
    assert indexed.database.ask(*having_view("employee", filters, "", 1000)) == employees
    for first in employees[:1]:
        assert indexed.database.ask(*having_view("employee", filters, first, 2)) == employees[1:3]
    assert [of for _, of, _ in half] == expected[len(expected) // 2 + 1 :]
    assert [of for _, of, _ in indexed.found("a", filters)] == [
        of for _, of in indexed.expected(Terms(("a",)), filters)
    ]


def test_no_filter_of_these_tests_is_empty(tmp_path: Path) -> None:
    one = Indexed(tmp_path / "0.db", seed=8)
    for asked in FILTERS:
        filters = Filters.model_validate(asked)
        assert any(holds(filters, row, one.skills[of]["skills"]) for of, row in one.documents.items()), asked
    one.database.close()


def test_a_token_that_nobody_has_may_have_one_typing_error(indexed: Indexed) -> None:
    words = {
        token
        for one in indexed.documents.values()
        for field in SEARCHED.values()
        for token in field_tokens(one[field.member])
    }
    for wrong in ("lovelcae", "berlim", "haanna", "mullex"):
        alone = selection(Filters())
        assert indexed.database.ask(*unmatched([wrong, "ada"], alone)) == [wrong]
        assert set(one_edit_away(wrong, indexed.database.ask(*vocabulary(wrong)))) >= {
            word for word in words if is_one_edit_away(wrong, word)
        }

        found = indexed.found(f"{wrong} example", Filters(), (wrong,))

        assert [(quarters / EQUAL, of) for quarters, of, _ in found] == indexed.expected(
            Terms(("example",), (wrong,)), Filters()
        )
        assert found or wrong != "lovelcae"


def test_candidates_are_counted_by_status(indexed: Indexed) -> None:
    statuses = Counter(one["status"] for one in indexed.documents.values())

    assert indexed.database.ask(*candidates(selection(Filters()))) == statuses["Active"]


@pytest.mark.parametrize("match_all", [True, False])
@pytest.mark.parametrize("level", [0, 2])
def test_holders_of_skills_are_active_and_good_enough(indexed: Indexed, match_all: bool, level: int) -> None:
    def matched(of: str) -> set[str]:
        row = indexed.skills[of]
        return {
            fold(skill["name"])
            for skill in row["skills"]
            if row["status"] == "Active" and documents.LEVELS.index(skill["proficiency"]) >= level
        } & {"python", "go"}

    expected = sorted(of for of in indexed.skills if len(matched(of)) >= (2 if match_all else 1))

    found = indexed.database.ask(
        *holders(["PYTHON", "Go"], match_all=match_all, level=level, category="Programming", after="", limit=1000)
    )
    creative = indexed.database.ask(*holders([], match_all=True, level=0, category="Creative", after="", limit=1000))

    assert [of for of, _, _ in found] == expected
    assert all({fold(one["name"]) for one in rows} == matched(of) for of, _, rows in found)
    assert all([one["name"] for one in rows] == ["Piano"] for _, _, rows in creative)


def test_pairs_count_active_persons_with_both_skills(indexed: Indexed) -> None:
    held = [
        {fold(skill["name"]) for skill in row["skills"]} for row in indexed.skills.values() if row["status"] == "Active"
    ]

    found = {(one, other): persons for one, other, _, persons in indexed.database.ask(*pairs(["python", "c++"]))}

    assert found == {
        (one, other): both
        for one in ("python", "c++")
        for other in ("python", "c++", "rust", "go", "piano")
        if (both := sum({one, other} <= skills for skills in held))
    }


def test_a_row_of_another_shape_hides_nobody_else(indexed: Indexed, caplog: pytest.LogCaptureFixture) -> None:
    everybody = Filters.model_validate({"status": ["Active", "Suspended", "Draft"]})
    lost, *others = sorted(indexed.documents)
    indexed.database.apply(
        "search", {lost: b'{"person_id": "x"}', others[0]: orjson.dumps(indexed.documents[others[0]])}
    )

    assert [of for _, of, _ in indexed.database.ask(*listed(selection(everybody), "", 1000))] == others
    assert "cannot be indexed" in caplog.text
    indexed.database.apply("search", {lost: orjson.dumps(indexed.documents[lost])})
    assert len(indexed.database.ask(*listed(selection(everybody), "", 1000))) == len(others) + 1
