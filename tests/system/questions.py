"""Random questions to the read models, made of words and values that persons have, and of some that nobody has."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from domain.status import Status
from domain.views.search_tokens import FIELDS, field_tokens
from queries.endpoints.find_by_skill import CATEGORIES
from queries.endpoints.network import TYPES
from queries.index.levels import IDENTITY_LEVELS, PROFICIENCIES
from tests.system.expected_answers import Expected

Request = dict[str, Any]


def search_requests(expected: Expected, chance: random.Random, count: int) -> Iterator[Request]:
    """Texts, filters, or both."""
    documents = [expected.documents[person_id] for person_id in sorted(expected.documents)]
    for number in range(count):
        request: Request = {}
        if number % 3:
            request["text"] = " ".join(_word(chance, documents) for _ in range(chance.randint(1, 2)))
        if number % 3 != 1:
            request["filters"] = _filters(expected, chance, documents)
        yield request


def find_by_skill_requests(expected: Expected, chance: random.Random, count: int) -> Iterator[Request]:
    """Skills that somebody has, or a category."""
    names = sorted({skill["name"] for row in expected.skills.values() for skill in row["skills"]}) or ["nothing"]
    for number in range(count):
        request: Request = {"match": chance.choice(("all", "any"))}
        if number % 4:
            request["skills"] = [chance.choice(names).upper() for _ in range(chance.randint(1, 3))]
        if number % 4 in (0, 3):
            request["category"] = chance.choice(CATEGORIES)
        if chance.random() < 0.3:
            request["min_proficiency"] = chance.choice(PROFICIENCIES)
        yield request


def network_requests(expected: Expected, chance: random.Random, count: int) -> Iterator[Request]:
    """Persons in any status, among them those who were merged or erased."""
    everybody = sorted(expected.persons)
    merged = [one for one in everybody if expected.persons[one].merged_into is not None] or everybody
    for number in range(count):
        request: Request = {
            "person_id": chance.choice(everybody if number % 3 else merged),
            "depth": chance.randint(1, 3),
            "direction": chance.choice(("out", "in", "both", "both")),
            "include_inactive": chance.random() < 0.4,
            "metrics": chance.random() < 0.5,
        }
        if chance.random() < 0.2:
            request["types"] = chance.sample(TYPES, 3)
        yield request


def _word(chance: random.Random, documents: Sequence[Request]) -> str:
    """A word that somebody has: whole, its beginning, or with a typing error."""
    document = chance.choice(documents)
    words = sorted({token for field in FIELDS.values() for token in field_tokens(document[field.member])}) or ["ada"]
    word = chance.choice(words)
    forms: Sequence[Callable[[], str]] = (
        lambda: word,
        lambda: word[: max(1, len(word) - chance.randint(1, 3))],
        lambda: word[:-1] + "x",
        lambda: word[: len(word) // 2] + word[len(word) // 2 + 1 :] or word,
    )
    return chance.choice(forms)() or word


def _filters(expected: Expected, chance: random.Random, documents: Sequence[Request]) -> Request:
    document = chance.choice(documents)
    filters: Request = {}
    if chance.random() < 0.5:
        filters["status"] = chance.sample([status.value for status in Status], chance.randint(1, 4))
    for name, member in (
        ("email", "emails"),
        ("phone", "phones"),
        ("employer", "employers"),
        ("location", "locations"),
        ("tag", "tags"),
        ("organization_id", "organization_ids"),
        ("location_id", "location_ids"),
        ("component_type", "component_types"),
    ):
        if document[member] and chance.random() < 0.2:
            filters[name] = chance.choice(document[member])
    if document["names"] and chance.random() < 0.3:
        filters["name_prefix"] = chance.choice(document["names"])[: chance.randint(1, 6)].strip()
    if chance.random() < 0.15:
        filters["identity_level_min"] = chance.choice(IDENTITY_LEVELS)
    if document["onboarding_state"] and chance.random() < 0.3:
        filters["onboarding_state"] = document["onboarding_state"]
    if document["created_at"] and chance.random() < 0.2:
        filters[chance.choice(("created_from", "created_to"))] = document["created_at"]
    if chance.random() < 0.2:
        filters["min_proficiency"] = chance.choice(PROFICIENCIES)
    if chance.random() < 0.2:
        held = [skill["name"] for row in expected.skills.values() for skill in row["skills"]]
        filters["skills"] = chance.sample(held, min(len(held), chance.randint(1, 2)))
    return filters
