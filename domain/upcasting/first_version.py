"""What every first version had in its data and has in its envelope now: the person, and the moment in a field ``*_at``."""

from datetime import datetime
from typing import Final

from domain.times import format_instant
from domain.undecodable import Undecodable
from domain.upcasting.form import Form

_FURTHER_MOMENTS: Final = frozenset({("person.skill_endorsed", "timestamp")})


def opened(form: Form) -> Form:
    """A first version without these fields. The envelope goes before; raises Undecodable when it is about another person."""
    if form.data.get("person_id", form.person_id) != form.person_id:
        raise Undecodable("subject_mismatch", "data.person_id")
    moments = [name for name in form.data if _is_moment(form.type, name)]
    said = [form.time] if form.time is not None else [form.data[name] for name in moments]
    time = next((text for value in said if (text := _instant(value)) is not None), form.time)
    left = {name: value for name, value in form.data.items() if name != "person_id" and name not in moments}
    return form._replace(data=left, time=time)


def _is_moment(event_type: str, name: str) -> bool:
    return name.endswith("_at") or (event_type, name) in _FURTHER_MOMENTS


def _instant(value: object) -> str | None:
    """The text of an instant; old writers gave offsets and nanoseconds too."""
    if not isinstance(value, str):
        return None
    try:
        instant = datetime.fromisoformat(value)
        return None if instant.tzinfo is None else format_instant(instant)
    except (ValueError, OverflowError):
        return None
