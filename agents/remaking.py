"""All rows of one person made anew from its stored events: what they have to be, whatever they are.

Guarantee: the rows are those that the agents of the lane would have made up to a stream sequence; they are made by the pure functions that
these use, from JetStream, without looking at any row but those that name other keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from agents.folding import folded
from agents.reading import Arrival
from domain.event_data.policy import SkillsAnalyzed
from domain.event_data.privacy import PersonErased
from domain.views import component_views, network, search, skills, summary
from domain.views.changed_by import changes
from domain.views.model import RenderedModel
from domain.views.portrait import Portrait, Row
from domain.views.skills import Recommended, recommended_by, render_skills
from lanes.table import LaneTable, TableView
from tables import persons, rendered, timeline
from tables.persons import PersonRow

MODELS: Sequence[RenderedModel] = (summary.MODEL, search.MODEL, network.MODEL, component_views.MODEL)
Staged = dict[str, dict[bytes, bytes | None]]
"""Rows by table and key; None removes one."""


class _Place(NamedTuple):
    """The event that changed a row last."""

    sequence: int
    stream_sequence: int


def remade(
    tables: Mapping[str, LaneTable],
    partition: int,
    person_id: str,
    arrivals: Sequence[Arrival],
    *,
    max_bytes: int,
    suspected: Sequence[bytes] = (),
) -> Staged:
    """The rows of a person behind its events, and the removal of those that it has too many.

    `tables` holds the tables on person.events by name, `suspected` keys of entries of the timeline that a changelog has. Raises what a fold of one of the events raises, RowTooLargeError above `max_bytes`.
    """
    views = {name: TableView(table, partition) for name, table in tables.items()}
    row = PersonRow.new(person_id)
    changed: dict[str, _Place] = {}
    recommended: Recommended = []
    kept: list[Arrival] = []
    for arrival in arrivals:
        after = folded(row, arrival)
        if after is row:
            continue
        row = after
        event = arrival.read()
        kept.append(arrival)
        for part in event.parts:
            if isinstance(part.data, SkillsAnalyzed):
                recommended = recommended_by(part.data)
        place = _Place(event.sequence, arrival.stream_sequence)
        changed |= {model.name: place for model in MODELS if changes(model.changed_by, event.data)}
        if changes(skills.CHANGED_BY, event.data):
            changed[skills.NAME] = place
    for view in views.values():
        for key in _held(view, person_id):
            view.delete(key)
    for key in suspected:
        views[timeline.NAME].delete(key)
    if kept:
        persons.stage(views[persons.NAME], row, max_bytes)
        _stage_models(views, row, changed, recommended, max_bytes)
        _stage_timeline(views[timeline.NAME], kept, max_bytes)
    return {name: dict(view.staged) for name, view in views.items() if view.staged}


def _stage_models(
    views: Mapping[str, TableView],
    row: PersonRow,
    changed: Mapping[str, _Place],
    recommended: Recommended,
    max_bytes: int,
) -> None:
    portrait = Portrait(row.person)
    rows: dict[str, Row | None] = {model.name: model.render(portrait) for model in MODELS}
    rows[skills.NAME] = render_skills(portrait, recommended)
    for name, place in changed.items():
        if rows[name] is not None:
            rendered.stage(
                views[name],
                row.person.person_id,
                rows[name],
                sequence=place.sequence,
                stream_sequence=place.stream_sequence,
                max_bytes=max_bytes,
            )


def _stage_timeline(view: TableView, kept: Sequence[Arrival], max_bytes: int) -> None:
    erased = any(isinstance(part.data, PersonErased) for one in kept for part in one.read().parts)
    for one in kept:
        timeline.stage(view, one.read(), one.record.value, one.stream_sequence, max_bytes, erased=erased)


def _held(view: TableView, person_id: str) -> list[bytes]:
    """Keys of the rows that a table may have of a person now; one that only the changelog has is removed there, too."""
    if view.table.name == timeline.NAME:
        return [key for key, _ in view.table.scan(view.partition, f"{person_id}:".encode())]
    return [person_id.encode()]
