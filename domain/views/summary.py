"""The summary of a person: one flat row for lists, cards and filters (domain.md 16.2).

A merged person leaves a row that leads to the target, an erased one a row without personal data.
"""

from datetime import datetime
from typing import Final

from domain.event_catalogue import EVENTS
from domain.person import Person
from domain.times import format_instant
from domain.views.changed_by import every
from domain.views.model import RenderedModel
from domain.views.portrait import Portrait, Row, portrait_of


def render_summary(person: Person | Portrait) -> Row | None:
    """The row of a person that exists."""
    seen = portrait_of(person)
    state = seen.person
    if not state.exists:
        return None
    if seen.is_gone:
        return _stub(state)
    email, phone, job, run = seen.email, seen.phone, seen.job, state.onboarding
    updated_at, active_at = instant(state.updated_at), state.last_activity_at
    return {
        "person_id": state.person_id,
        "status": state.status.value,
        "version": state.version,
        "created_at": seen.created_at,
        "updated_at": updated_at,
        "last_activity_at": updated_at if active_at is state.updated_at else instant(active_at),
        "display_name": seen.display_name,
        "sort_name": seen.sort_name,
        "primary_email": email.data.email.address if email else None,
        "primary_email_component_id": email.component.component_id if email else None,
        "primary_phone": phone.data.phone.number if phone else None,
        "primary_phone_component_id": phone.component.component_id if phone else None,
        "current_employer": job.company if job else None,
        "current_role": job.position if job else None,
        "current_organization_ids": seen.organization_ids,
        "location": seen.place,
        "primary_location_id": _primary_location(state),
        "skills_count": len(seen.components.get("Skill", ())),
        "component_count": len(state.components),
        "component_types": seen.component_types,
        "identity_level": seen.identity_level,
        "onboarding_state": run.state if run else None,
        "onboarding_run": run.run if run else None,
        "quality_flags": [*sorted({held.flag for held in state.quality.values()})] if state.quality else [],
        "redirect_to": None,
        "erased": False,
    }


def instant(at: datetime | None) -> str | None:
    """An instant as text."""
    return None if at is None else format_instant(at)


def _stub(person: Person) -> Row:
    row: Row = {"person_id": person.person_id, "status": person.status.value}
    if person.merged_into is not None:
        row["redirect_to"] = person.merged_into
    if person.is_erased:
        row["erased"] = True
    return row


def _primary_location(person: Person) -> str | None:
    if not person.locations:
        return None
    primary = [held.location_id for held in person.locations.values() if held.is_primary]
    return min(primary, default=None)


MODEL: Final = RenderedModel(
    "summary",
    # Version, times and activity are columns, so every event changes the row.
    every(*(spec.model for spec in EVENTS.values())),
    render_summary,
)
