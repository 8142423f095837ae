"""Questions about skills in one partition, as SQL. Only Active persons count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from domain.values.rules import fold
from queries.index.facts import all_of, any_of, quoted
from queries.index.held_skills import level_fact, skill_fact
from queries.index.search import Statement


def holders(
    skills: Sequence[str], *, match_all: bool, level: int, category: str | None, after: str, limit: int
) -> Statement:
    """Persons behind a person id with the skills at a level or above: [person id, name, the rows of the skills that match] each.

    Without skills, persons with any skill of the category.
    """
    wanted = sorted({fold(skill) for skill in skills})
    terms = [skill_fact(skill, level) for skill in wanted] or [level_fact(level)]
    parameters: dict[str, Any] = {
        "terms": all_of(map(quoted, terms)) if match_all else any_of(terms),
        "skills": orjson.dumps(wanted).decode(),
        "level": level,
        "needed": len(wanted) if match_all and wanted else 1,
        "after": after,
        "limit": limit,
    }
    conditions = ""
    if wanted:
        conditions += " AND held.skill IN (SELECT value FROM json_each(:skills))"
    if category is not None:
        conditions += " AND held.category = :category"
        parameters["category"] = category
    return (
        "SELECT json_group_array(json_array(person_id, display_name, json(matched))) FROM ("
        "SELECT person_id, display_name, json_group_array(json(held.body)) AS matched"
        " FROM skilled JOIN held ON held.doc = skilled.doc"
        " WHERE skilled.doc IN (SELECT rowid FROM skill_facts WHERE skill_facts MATCH :terms)"
        f" AND skilled.status = 'Active' AND person_id > :after AND held.level >= :level{conditions}"
        " GROUP BY skilled.doc HAVING count(*) >= :needed ORDER BY person_id LIMIT :limit)",
        parameters,
    )


def pairs(skills: Sequence[str]) -> Statement:
    """Who holds what besides the skills (folded names): [skill, other, how the other is written, persons] each; the skill itself too."""
    parameters = {f"skill_{number}": skill for number, skill in enumerate(skills)}
    parameters |= {f"term_{number}": quoted(skill_fact(skill, 0)) for number, skill in enumerate(skills)}
    arms = [
        f"SELECT :skill_{number} AS held, held.skill AS other, min(json_extract(held.body, '$.name')) AS written,"
        " count(*) AS persons FROM held JOIN skilled ON skilled.doc = held.doc"
        f" WHERE held.doc IN (SELECT rowid FROM skill_facts WHERE skill_facts MATCH :term_{number})"
        " AND skilled.status = 'Active' GROUP BY held.skill"
        for number in range(len(skills))
    ]
    return (
        f"SELECT json_group_array(json_array(held, other, written, persons)) FROM ({' UNION ALL '.join(arms)})",
        parameters,
    )
