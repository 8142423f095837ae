"""Links in the index of a partition, and who holds them through merges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import orjson
import pytest

from agents.finding_persons import PersonsUnreachableError
from domain.links import Link
from queries.endpoint import Ask, Found, Gathered
from queries.frame import QueryError
from queries.index.database import IndexDatabase
from queries.index.links import linked
from queries.linked import LINKED, LinkedPersons, LinkedWith, persons_linked

ADA, BOB, CARLA, DORA = (f"0190c8a2-7b1e-7c3d-9a4f-00000000000{number}" for number in range(1, 5))


class Owners:
    """Two partitions: who is linked in each answer, who was merged into whom, and who has absorbed whom."""

    partitions = 2

    def __init__(
        self,
        *answers: Mapping[str, str | None],
        merged: Mapping[str, str] | None = None,
        absorbed: Mapping[str, Sequence[str]] | None = None,
        silent: Sequence[int] = (),
    ) -> None:
        self._answers = [dict(answer) for answer in answers]
        self._merged, self._absorbed, self._silent = merged or {}, absorbed or {}, silent
        self.asked = 0

    def partition_of(self, person_id: str) -> int:
        return int(person_id[-1]) % 2

    async def reachable(self, read: Any, request: LinkedWith, partitions: Sequence[int] | None = None) -> Gathered:
        assert read is LINKED
        answer = self._answers[min(self.asked, len(self._answers) - 1)]
        self.asked += 1
        return Gathered([Found([*answer.items()], {"partition": 0, "stream_sequence": 7})], self._silent)

    async def one(self, read: Any, partition: int, request: Any) -> Found:
        if DORA in request.person_ids:
            raise QueryError("unavailable", "the partition moved")
        told = {
            person_id: {"redirect_to": self._merged.get(person_id), "absorbed": self._absorbed.get(person_id, [])}
            for person_id in request.person_ids
        }
        return Found(told, {"partition": partition, "stream_sequence": 7})


async def holders(owners: Owners, *, level: bool = True) -> Sequence[str]:
    request = LinkedWith(kind="identity", foreign_id="i-1", level=level)
    return (await persons_linked(cast(Ask, owners), request)).person_ids


async def test_a_merge_leads_to_the_last_target_until_somebody_has_absorbed_the_person() -> None:
    assert await holders(Owners({ADA: None, BOB: None})) == [ADA, BOB]
    assert await holders(Owners({ADA: BOB}, merged={BOB: CARLA})) == [CARLA]
    assert await holders(Owners({ADA: BOB}, absorbed={BOB: [ADA]})) == []
    assert await holders(Owners({ADA: BOB}, merged={BOB: CARLA}, absorbed={CARLA: [ADA]})) == []
    assert await holders(Owners({ADA: BOB, CARLA: BOB}, absorbed={BOB: [ADA]})) == [BOB]


async def test_a_link_that_was_handed_over_between_two_answers_is_not_lost() -> None:
    owners = Owners({ADA: BOB}, {ADA: BOB, BOB: None}, absorbed={BOB: [ADA]})

    assert await holders(owners) == [BOB]
    assert owners.asked == 2
    # Who only looks is content with one answer.
    assert await holders(Owners({ADA: BOB}, absorbed={BOB: [ADA]}), level=False) == []


async def test_a_silent_partition_is_no_answer_for_a_translator() -> None:
    def persons(owners: Owners) -> LinkedPersons:
        return LinkedPersons(lambda _: cast(Ask, owners))

    with pytest.raises(PersonsUnreachableError, match=r"partitions \[1\]"):
        await persons(Owners({ADA: None}, silent=[1])).linked(Link("identity", "i-1"), level=False)
    with pytest.raises(PersonsUnreachableError, match="moved"):
        await persons(Owners({ADA: DORA})).linked(Link("identity", "i-1"), level=False)
    with pytest.raises(PersonsUnreachableError, match="moved"):
        await persons(Owners()).target_of(DORA)
    assert await persons(Owners(merged={ADA: BOB, BOB: CARLA})).target_of(ADA) == CARLA


def test_the_index_follows_the_rows_of_persons(tmp_path: Path) -> None:
    def row(**state: Any) -> bytes:
        return orjson.dumps({"sequence": 1, "person": {"person_id": ADA, **state}})

    def found(kind: Any, foreign_id: str) -> Any:
        return database.ask(*linked(Link(kind, foreign_id)))

    database = IndexDatabase(tmp_path / "0.db")
    post = {"organization_id": "o-1", "role": "Clerk"}
    ended = {**post, "organization_id": "o-2", "end_date": "2025-01-01"}
    twice = {
        "a": {"location_id": "l-1", "location_type": "Work"},
        "b": {"location_id": "l-1", "location_type": "Other"},
    }
    profile = {"component_type": "GitProfile", "data": {"provider": "GitHub", "username": "Ada"}}
    raw = {"component_type": "GitProfile", "data": {"username": ["?"]}}
    first = row(employments={"e": post, "f": ended}, locations=twice, components={"c": profile, "d": raw})
    database.build({"persons": [(ADA.encode(), first)]}, lambda: True)

    assert found("organization", "o-1") == [[ADA, None]]
    assert found("organization", "o-2") == []
    assert found("location", "l-1") == [[ADA, None]]
    assert found("git", "GitHub/ada") == [[ADA, None]]
    database.apply("persons", {ADA: row(identities={"i-1": {}}, merged_into=BOB), BOB: row(identities={"i-1": {}})})
    assert found("identity", "i-1") == [[ADA, BOB], [BOB, None]]
    assert found("location", "l-1") == []
    # Nothing is left of an erased person.
    database.apply("persons", {ADA: row(erasure="Erased")})
    assert found("identity", "i-1") == [[BOB, None]]
    database.close()
