"""What queries over all partitions must answer, told from the rows of all persons without any index."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from domain.person import Person
from domain.status import Status
from domain.values.rules import fold
from domain.views.network_graph import Edge, figures, is_active, is_ended, joined
from domain.views.search_tokens import MIN_LOOSE, Terms, score, tokens
from ops.model_rows import statistics_of
from ops.verification import Folded
from queries.filters import Filters, holds
from queries.index.levels import PROFICIENCIES

COUNTS = ("events_by_type", "status_delta", "components_delta", "onboarding")


class Expected:
    """The answers for a number of persons, each a pure function of a request."""

    def __init__(self, persons: Iterable[Folded]) -> None:
        self._folded = list(persons)
        self.persons = {one.person.person_id: one.person for one in self._folded}
        self.documents = self._rows("search")
        self.skills = self._rows("skills")
        self._nodes = self._rows("network")
        self._edges = [Edge(**edge) for node in self._nodes.values() for edge in node["edges"]]

    @property
    def positions(self) -> list[dict[str, int]]:
        """Where in JetStream all of them end."""
        last: Counter[int] = Counter()
        for one in self._folded:
            last[one.partition] = max(last[one.partition], one.stream_sequence)
        return [{"partition": partition, "stream_sequence": sequence} for partition, sequence in last.items()]

    def search(self, request: Mapping[str, Any]) -> list[dict[str, Any]]:
        """All hits, the best first."""
        filters = Filters.model_validate(request.get("filters", {}))
        found = {
            person_id: document
            for person_id, document in self.documents.items()
            if holds(filters, document, self._skills_of(person_id))
        }
        if "text" not in request:
            return [_hit(found[person_id], 0.0) for person_id in sorted(found)]
        terms = Terms(tuple(dict.fromkeys(tokens(request["text"]))))
        hits = _ranked(found, terms)
        if not hits:
            everybody = [document for document in self.documents.values() if document["status"] in filters.status]
            nowhere = [token for token in terms.exact if all(score(one, Terms((token,))) is None for one in everybody)]
            if all(len(token) >= MIN_LOOSE for token in nowhere):
                exact = tuple(token for token in terms.exact if token not in nowhere)
                hits = _ranked(found, Terms(exact, tuple(nowhere)))
        return hits

    def find_by_skill(self, request: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Active persons and which of their skills match, by id."""
        wanted = {fold(name) for name in request.get("skills", ())}
        least = PROFICIENCIES.index(request.get("min_proficiency", PROFICIENCIES[0]))
        needed = len(wanted) if wanted and request.get("match", "all") == "all" else 1
        found = []
        for person_id in sorted(self.skills):
            row = self.skills[person_id]
            matched = [
                skill
                for skill in row["skills"]
                if PROFICIENCIES.index(skill["proficiency"]) >= least
                and request.get("category") in (None, skill["category"])
                and (not wanted or fold(skill["name"]) in wanted)
            ]
            if row["status"] == Status.ACTIVE and len(matched) >= needed:
                matched.sort(key=lambda skill: str(skill["name"]))
                found.append({"person_id": person_id, "display_name": row["display_name"], "skills": matched})
        return found

    def network(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Nodes, edges and figures around a person, or the code of the refusal."""
        start = self._end_of(request["person_id"])
        person = self.persons.get(start)
        if person is None or person.is_erased:
            return {"code": "not_found" if person is None else "gone"}
        edges = self._edges_for(start, request)
        distances, among = _explored(edges, start, request)
        now = datetime.now(UTC)
        answer = {
            "nodes": [
                {
                    "person_id": person_id,
                    "display_name": self._nodes[person_id]["display_name"],
                    "status": self._nodes[person_id]["status"],
                    "distance": distances[person_id],
                }
                for person_id in sorted(distances, key=lambda one: (distances[one], one))
            ],
            "edges": [{**edge._asdict(), "active": is_active(edge, now)} for edge in among],
            "redirected_from": request["person_id"] if start != request["person_id"] else None,
        }
        if request.get("metrics"):
            answer["metrics"] = orjson.loads(orjson.dumps(figures(among, start)))
        return answer

    def statistics(self, group: str) -> Any:
        """The counts of each day, or of all."""
        days: defaultdict[str, dict[str, Counter[str]]] = defaultdict(lambda: {name: Counter() for name in COUNTS})
        for (_, day), row in statistics_of(one.models for one in self._folded).items():
            for name in COUNTS:
                counts: Any = row[name]
                days[day if group == "day" else ""][name].update(counts)
        rows = [{"day": day, **{name: dict(of[name]) for name in COUNTS}} for day, of in sorted(days.items())]
        if group == "day":
            return rows
        return {name: rows[0][name] for name in COUNTS} if rows else {name: {} for name in COUNTS}

    def _rows(self, model: str) -> dict[str, dict[str, Any]]:
        rows = ((one.person.person_id, one.models.row(model)) for one in self._folded)
        return {person_id: row for person_id, row in rows if row is not None}

    def _skills_of(self, person_id: str) -> list[dict[str, Any]]:
        skills: list[dict[str, Any]] = self.skills.get(person_id, {}).get("skills", [])
        return skills

    def _end_of(self, person_id: str) -> str:
        person: Person | None = self.persons.get(person_id)
        while person is not None and person.merged_into is not None:
            person_id = person.merged_into
            person = self.persons.get(person_id)
        return person_id

    def _edges_for(self, start: str, request: Mapping[str, Any]) -> list[Edge]:
        everybody = request.get("include_inactive", False)
        today = datetime.now(UTC).date()
        redirects = {
            person_id: self._end_of(person_id)
            for person_id, person in self.persons.items()
            if person.merged_into is not None and not person.is_erased
        }
        asked = [
            edge
            for edge in self._edges
            if edge.type in request.get("types", (edge.type,)) and (everybody or not is_ended(edge, today))
        ]
        shown = {
            person_id
            for person_id, node in self._nodes.items()
            if everybody or node["status"] == Status.ACTIVE or person_id == start
        }
        return [edge for edge in joined(asked, redirects) if {edge.owner, edge.other} <= shown]


def _ranked(documents: Mapping[str, dict[str, Any]], terms: Terms) -> list[dict[str, Any]]:
    scored = [(score(document, terms), person_id) for person_id, document in documents.items()]
    ranked = sorted((-points, person_id) for points, person_id in scored if points is not None)
    return [_hit(documents[person_id], -points) for points, person_id in ranked]


def _hit(document: Mapping[str, Any], points: float) -> dict[str, Any]:
    shown = {name: document[f"{name}s"][0] for name in ("email", "employer", "role") if document[f"{name}s"]}
    return {
        "person_id": document["person_id"],
        "display_name": document["display_name"],
        **shown,
        "score": points,
    }


def _explored(edges: list[Edge], start: str, request: Mapping[str, Any]) -> tuple[dict[str, int], list[Edge]]:
    direction = request.get("direction", "both")
    distances, frontier = {start: 0}, {start}
    followed: set[Edge] = set()
    for depth in range(1, request.get("depth", 1) + 1):
        out = {edge for edge in edges if edge.owner in frontier and direction in ("out", "both")}
        into = {edge for edge in edges if edge.other in frontier and direction in ("in", "both")}
        followed |= out | into
        frontier = ({edge.other for edge in out} | {edge.owner for edge in into}) - distances.keys()
        distances |= dict.fromkeys(frontier, depth)
    if direction != "both":
        return distances, [edge for edge in edges if edge in followed]
    return distances, [edge for edge in edges if edge.owner in distances and edge.other in distances]
