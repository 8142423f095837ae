"""What a run starts: which sagas, of which persons, when, and what the people do who have a part in them. All of it follows from a seed."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from domain.ids import derive, saga_id_of

Kind = Literal["onboarding", "cross_domain_sync", "merge", "archival", "inactivity", "erasure"]
Conduct = Literal["helps", "stays_away", "cancels"]

ERASE = "privacy.request_erasure"
SYNCS_PER_ONBOARDING = 0.25
OTHERS_PER_ONBOARDING = 0.05
STAY_AWAY = 0.01
CANCEL = 0.01


@dataclass(frozen=True)
class Case:
    """One saga. `other_id` is the target of a merge; `conduct` is what the people of an onboarding do."""

    kind: Kind
    person_id: str
    other_id: str
    at_s: float
    conduct: Conduct

    @property
    def saga_id(self) -> str:
        """The saga that this leads to."""
        key = {
            "onboarding": f"onboarding:{self.person_id}:1",
            "cross_domain_sync": f"cross_domain_sync:{self.person_id}:{self.key}",
            "merge": f"merge:{self.person_id}",
            "archival": f"archival:{self.person_id}",
            "inactivity": f"archival:{self.person_id}",
            "erasure": f"erasure:{self.person_id}:{derive(derive(self.person_id, ERASE), 'erasure')}",
        }[self.kind]
        return saga_id_of(key)

    @property
    def key(self) -> str:
        """Tells syncs of one person apart."""
        return "first"

    @property
    def parts(self) -> dict[str, Any]:
        """What a sync is asked to bring about."""
        return {
            "identity": {"identity_id": derive(self.person_id, "identity"), "identity_type": "account"},
            "location": {"location_id": derive(self.person_id, "location"), "location_type": "Work"},
            "employment": {
                "organization_id": derive(self.person_id, "organization"),
                "role": "Engineer",
                "start_date": "2025-01-01",
            },
        }


def cases(onboardings: int, *, seed: int, per_s: float) -> list[Case]:
    """All cases of a run in the order of their times.

    For each four onboardings there is a sync, and for each twenty a merge, an archival, an erasure, and somebody of whom nothing was heard for long.
    """
    draws = random.Random(seed)
    kinds: list[Kind] = ["onboarding"] * onboardings
    kinds += ["cross_domain_sync"] * max(1, round(onboardings * SYNCS_PER_ONBOARDING))
    kinds += ["merge"] * max(1, round(onboardings * OTHERS_PER_ONBOARDING))
    kinds += ["archival"] * max(1, round(onboardings * OTHERS_PER_ONBOARDING))
    kinds += ["inactivity"] * max(1, round(onboardings * OTHERS_PER_ONBOARDING))
    kinds += ["erasure"] * max(1, round(onboardings * OTHERS_PER_ONBOARDING))
    draws.shuffle(kinds)
    return list(_made(kinds, draws, per_s))


def _made(kinds: list[Kind], draws: random.Random, per_s: float) -> Iterator[Case]:
    for number, kind in enumerate(kinds):
        chance = draws.random()
        conduct: Conduct = "helps"
        if kind == "onboarding" and chance < STAY_AWAY + CANCEL:
            conduct = "stays_away" if chance < STAY_AWAY else "cancels"
        yield Case(kind, _id(draws), _id(draws), number / per_s, conduct)


def _id(draws: random.Random) -> str:
    return str(uuid.UUID(int=draws.getrandbits(128), version=4))
