"""get_skills: the skills of one person."""

from __future__ import annotations

from typing import Any

from queries.endpoint import Ask, Endpoint, Read
from queries.frame import Answer, QueryError
from queries.models import agents_of
from queries.quarantine import require_applied
from queries.redirects import OfPerson, follow, moved, present
from queries.tables_of_worker import WorkerTables


class GetSkills(OfPerson):
    """get_skills: the own row of a person in the skills model."""


async def get_skills(ask: Ask, query: GetSkills) -> Answer:
    """The skills of the person by name, and what the last analysis recommends."""
    found = await follow(ask, OWN_SKILLS, query)
    return Answer(found.data, found.positions, redirected_from=found.redirected_from)


async def _own_skills(tables: WorkerTables, partition: int, query: GetSkills) -> Any:
    require_applied(tables, partition, query, query.person_id, agents_of("skills"))
    target = moved(present(tables, partition, query.person_id))
    if target is not None:
        return target
    row = tables.skills.read(partition, query.person_id)
    if row is None:
        raise QueryError("not_found", "the person has no skills", field="person_id")
    return row


OWN_SKILLS = Read("own_skills", GetSkills, _own_skills)
ENDPOINT = Endpoint("get_skills", GetSkills, get_skills, (OWN_SKILLS,))
