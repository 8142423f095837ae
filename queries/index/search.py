"""Ranked search in one partition, as SQL over the full-text index: what `domain.views.search_tokens.score` says, best first.

Each token and field is asked for on its own, together with all other tokens, so no more rows are met than can be hits. The beginning of a word
is looked for in names first: when enough persons have more points by their names than anybody can have without, the others are not met."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from domain.views.search_tokens import EQUAL, FIELDS, LOOSE, MIN_PREFIX, PREFIX, Terms, one_edit_pattern
from queries.index.facts import all_of, any_of, quoted
from queries.index.selection import Selection

Statement = tuple[str, Mapping[str, Any]]

NAMED = "name"
"""The field with the most points."""
SEARCHED = "{" + " ".join(FIELDS) + "}"
"""All fields, as FTS5 names a set of columns."""
UNNAMED = "{" + " ".join(field for field in FIELDS if field != NAMED) + "}"
UNNAMED_POINTS = sum(points for field, (_, points) in FIELDS.items() if field != NAMED)
MANY_PAGES = 3
"""Names with a beginning, in pages, from which on it pays to look at them alone first."""


class After(NamedTuple):
    """The last hit of the page before: its points in quarters, and its person."""

    quarters: int
    person_id: str


def hits(
    terms: Terms, alternatives: Mapping[str, Sequence[str]], selected: Selection, after: After | None, limit: int
) -> Statement:
    """The best documents behind `after`: [quarters of points, person id, what is shown] each.

    `alternatives` holds for each loose token the terms of this partition that are one edit away.
    """
    parameters: dict[str, Any] = {**selected.parameters, "limit": limit}
    behind = ""
    if after is not None:
        parameters |= {"quarters": after.quarters, "after": after.person_id}
        behind = " AND (total < :quarters OR (total = :quarters AND person_id > :after))"
    where = f"{selected.where}{behind}"
    everywhere = _shown(_ranked(_arms(terms, alternatives), "match", where, parameters))
    if terms.loose or len(terms.exact) != 1 or len(terms.exact[0]) < MIN_PREFIX:
        return everywhere, parameters
    [token] = terms.exact
    begins = f"{NAMED} : {quoted(token, prefix=True)}"
    by_name = _ranked(_arms(terms, alternatives, begins), "named", where, parameters)
    parameters |= {"begins": begins, "equal": f"{UNNAMED} : {quoted(token)}", "many": MANY_PAGES * limit}
    # A beginning that few names have is asked for at once.
    many = "(SELECT count(*) = :many FROM (SELECT 1 FROM words WHERE words MATCH :begins LIMIT :many))"
    # What is not in the name has at most so many points; whether anybody has the whole word there costs nothing to ask.
    most = (
        "iif(EXISTS (SELECT 1 FROM words WHERE words MATCH :equal),"
        f" {EQUAL * UNNAMED_POINTS}, {PREFIX * UNNAMED_POINTS})"
    )
    return (
        f"WITH by_name AS MATERIALIZED ({by_name})"
        f" SELECT CASE WHEN {many} AND (SELECT count(*) = :limit AND min(total) > {most} FROM by_name)"
        f" THEN ({_shown('SELECT * FROM by_name')}) ELSE ({everywhere}) END",
        parameters,
    )


def listed(selected: Selection, after: str, limit: int) -> Statement:
    """Documents behind a person id, by person id, without any text: [0, person id, what is shown] each."""
    return (
        _shown(
            "SELECT 0 AS total, persons.person_id AS person_id, documents.doc AS doc"
            " FROM persons CROSS JOIN documents ON documents.doc = persons.doc"
            f" WHERE persons.person_id > :after AND {selected.where} ORDER BY persons.person_id LIMIT :limit"
        ),
        {**selected.parameters, "after": after, "limit": limit},
    )


def _ranked(arms: Iterator[tuple[int, str]], name: str, where: str, parameters: dict[str, Any]) -> str:
    """The best documents by the sum of their points, best first. What the arms match becomes parameters whose names begin with `name`."""
    met = []
    for number, (points, expression) in enumerate(arms):
        met.append(f"SELECT rowid AS doc, {points} AS quarters FROM words WHERE words MATCH :{name}_{number}")
        parameters[f"{name}_{number}"] = expression
    # Added up before documents are looked at: a document is met in several arms.
    return (
        "SELECT total, person_id, documents.doc AS doc"
        f" FROM (SELECT doc, sum(quarters) AS total FROM ({' UNION ALL '.join(met)}) GROUP BY doc) AS found"
        f" CROSS JOIN documents ON documents.doc = found.doc WHERE {where}"
        " ORDER BY total DESC, person_id LIMIT :limit"
    )


def _shown(ranked: str) -> str:
    return (
        "SELECT json_group_array(json_array(total, person_id, json((SELECT hit FROM shown WHERE shown.doc = ranked.doc))))"
        f" FROM ({ranked}) AS ranked"
    )


def candidates(selected: Selection) -> Statement:
    """How many documents there are with one of the statuses."""
    return f"SELECT json(count(*)) FROM documents WHERE {selected.where}", selected.parameters


def unmatched(tokens: Sequence[str], selected: Selection) -> Statement:
    """Those of the tokens that no document with one of the statuses has, equal or as a beginning."""
    parameters: dict[str, Any] = dict(selected.parameters)
    asked = []
    for number, token in enumerate(tokens):
        parameters |= {f"token_{number}": token, f"match_{number}": _somewhere(token)}
        asked.append(
            f"SELECT :token_{number} AS token WHERE NOT EXISTS (SELECT 1 FROM words CROSS JOIN documents"
            f" ON documents.doc = words.rowid WHERE words MATCH :match_{number} AND {selected.where})"
        )
    return f"SELECT json_group_array(token) FROM ({' UNION ALL '.join(asked)})", parameters


def vocabulary(token: str) -> Statement:
    """The terms of this partition that may be one edit away from a token, one a line, as one JSON text."""
    return (
        "SELECT json_quote(group_concat(term, char(10))) FROM vocabulary WHERE length(term) BETWEEN :least AND :most",
        {"least": len(token) - 1, "most": len(token) + 1},
    )


def one_edit_away(token: str, lines: str | None) -> Sequence[str]:
    """The terms of a vocabulary that are."""
    return one_edit_pattern(token).findall(lines or "")


def _arms(terms: Terms, alternatives: Mapping[str, Sequence[str]], *also: str) -> Iterator[tuple[int, str]]:
    """Quarters of points and what has to match for them; `also` must match as well."""
    needs = {token: _somewhere(token) for token in terms.exact}
    needs |= {token: f"{SEARCHED} : ({any_of(alternatives[token])})" for token in terms.loose}
    for token in needs:
        others = [*(need for other, need in needs.items() if other != token), *also]
        for field, (_, points) in FIELDS.items():
            if token in terms.loose:
                yield LOOSE * points, all_of((f"{field} : ({any_of(alternatives[token])})", *others))
                continue
            is_prefix = len(token) >= MIN_PREFIX
            yield (EQUAL - PREFIX if is_prefix else EQUAL) * points, all_of((f"{field} : {quoted(token)}", *others))
            if is_prefix:
                # What is equal is a beginning too, and gets the rest of its points here.
                yield PREFIX * points, all_of((f"{field} : {quoted(token, prefix=True)}", *others))


def _somewhere(token: str) -> str:
    return f"{SEARCHED} : {quoted(token, prefix=len(token) >= MIN_PREFIX)}"
