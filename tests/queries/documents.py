"""Made-up rows of the indexed tables, small enough that texts collide often."""

from __future__ import annotations

import random
import uuid
from typing import Any

WORDS = [
    "ada",
    "anna",
    "anne",
    "ann",
    "hanna",
    "lovelace",
    "love",
    "Müller",
    "muller",
    "Straße",
    "東京",
    "山田太郎",
    "김철수",
    "o'brien",
    "x",
    "7",
    "acme",
    "acme-labs",
    "berlin",
    "bern",
]
LEVELS = ("Beginner", "Intermediate", "Advanced", "Expert")


def person_id(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))


def texts(chance: random.Random, most: int, words: int = 3) -> list[str]:
    return [" ".join(chance.choices(WORDS, k=chance.randint(1, words))) for _ in range(chance.randint(0, most))]


def document(chance: random.Random, of: str) -> dict[str, Any]:
    emails = [f"{chance.choice(WORDS[:6])}.{chance.choice(WORDS[:6])}@{chance.choice(('acme', 'bern'))}.example"]
    return {
        "person_id": of,
        "status": chance.choice(("Active", "Active", "Active", "Suspended", "Draft")),
        "display_name": " ".join(chance.choices(WORDS, k=2)),
        "names": [f"{chance.choice(WORDS).title()} {chance.choice(WORDS).title()}", *texts(chance, 1)],
        "emails": emails if chance.random() < 0.7 else [],
        "phones": [f"+4930{chance.randrange(5):07}"] if chance.random() < 0.5 else [],
        "employers": texts(chance, 2),
        "roles": texts(chance, 1),
        "skills": texts(chance, 2, 1),
        "locations": [f"{text}, DE" for text in texts(chance, 1)],
        "tags": texts(chance, 2, 1),
        "organization_ids": [f"org-{chance.randrange(3)}"] if chance.random() < 0.5 else [],
        "location_ids": [f"place-{chance.randrange(3)}"] if chance.random() < 0.5 else [],
        "component_types": chance.sample(["EmailAddress", "PhoneNumber", "Skill", "Address"], 2),
        "identity_level": chance.choice(("Unverified", "Email", "Fully")),
        "onboarding_state": chance.choice((None, "Completed", "AwaitingIdentity")),
        "created_at": f"2026-01-0{chance.randint(1, 9)}T00:00:00{chance.choice(('', '.500000'))}Z",
    }


def skills(chance: random.Random, of: str, status: str) -> dict[str, Any]:
    names = chance.sample(("Python", "Rust", "C++", "Go", "Piano"), chance.randint(0, 4))
    held = [
        {
            "name": name,
            "category": "Creative" if name == "Piano" else "Programming",
            "proficiency": chance.choice(LEVELS),
            "endorsement_count": 0,
        }
        for name in names
    ]
    return {"person_id": of, "status": status, "display_name": of[:8], "skills": held, "recommended": []}
