"""find_by_skill: Active persons that hold skills, in the order of their ids, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Field, model_validator

from domain.components.skill import Proficiency, SkillComponent
from queries import cursor as cursors
from queries.endpoint import Ask, Endpoint, Read
from queries.filters import MAX_VALUES, Text
from queries.frame import Answer, Page, Query
from queries.index.levels import PROFICIENCIES
from queries.index.skills import holders
from queries.indexed import ask_index
from queries.tables_of_worker import WorkerTables

NAME = "find_by_skill"

CATEGORIES: Sequence[str] = get_args(SkillComponent.model_fields["category"].annotation)


def _known(category: str) -> str:
    if category not in CATEGORIES:
        raise ValueError("must be a category of skills")
    return category


Category = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": [*CATEGORIES]})]


class FindBySkill(Query):
    """find_by_skill: by names, by category, or by both."""

    skills: tuple[Text, ...] = Field((), max_length=MAX_VALUES)
    match: Literal["all", "any"] = "all"
    min_proficiency: Proficiency | None = None
    category: Category | None = None
    limit: int = Field(50, ge=1, le=500)
    cursor: str | None = None

    @model_validator(mode="after")
    def _of_something(self) -> FindBySkill:
        if not self.skills and self.category is None:
            raise ValueError("give skills or a category")
        return self


class HoldersOf(FindBySkill):
    """The same of one partition, behind a person."""

    after: str = ""


async def find_by_skill(ask: Ask, query: FindBySkill) -> Answer:
    """Persons with the skills that match; the next page goes on behind the last person."""
    after = "" if query.cursor is None else cursors.resume(NAME, query, query.cursor)
    asked = query.model_dump(exclude={"cursor", "limit", "stream", "min_position", "timeout_ms"})
    found = await ask.reachable(HOLDERS, HoldersOf(**asked, after=after, limit=query.limit + 1, **query.frame()))
    rows = sorted((row for one in found.found for row in one.data), key=lambda row: str(row["person_id"]))
    page = rows[: query.limit]
    behind = cursors.issue(NAME, query, page[-1]["person_id"]) if len(rows) > query.limit else None
    positions = [one.position for one in found.found]
    return Answer(page, positions, Page(query.limit, behind), silent=found.silent)


async def _holders(tables: WorkerTables, partition: int, query: HoldersOf) -> Any:
    level = 0 if query.min_proficiency is None else PROFICIENCIES.index(query.min_proficiency)
    statement = holders(
        query.skills,
        match_all=query.match == "all",
        level=level,
        category=query.category,
        after=query.after,
        limit=query.limit,
    )
    return [
        {
            "person_id": person_id,
            "display_name": display_name,
            "skills": sorted(matched, key=lambda skill: str(skill["name"])),
        }
        for person_id, display_name, matched in await ask_index(tables, partition, *statement)
    ]


HOLDERS = Read("skill_holders", HoldersOf, _holders, indexed=True)
ENDPOINT = Endpoint(NAME, FindBySkill, find_by_skill, (HOLDERS,))
